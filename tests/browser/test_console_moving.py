"""Import and export on the page at /console, as somebody uses them."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.conftest import OpenConsole
from tests.browser.console import Console, Reader, Somebody

READERS = [Reader("en-GB", 1280), Reader("pt-BR", 320)]


@pytest.fixture(params=READERS, ids=lambda reader: f"{reader.locale}-{reader.width}")
def console(request: pytest.FixtureRequest, open_console: OpenConsole) -> Console:
    """Open the page for two kinds of reader."""
    return open_console(request.param)


def lines(somebody: Somebody, count: int, padding: int = 0) -> bytes:
    """Return a file of JSON Lines with links, one of which leads nowhere."""
    name = somebody.email[:8]
    links = [
        {"code": f"{name}-{number}", "url": f"https://example.com/{number}/{'x' * padding}"}
        for number in range(count)
    ]
    links[1]["url"] = "javascript:alert(1)"
    return "".join(json.dumps(link) + "\n" for link in links).encode()


def test_a_file_is_imported_and_what_was_refused_is_told(
    console: Console, somebody: Somebody, tmp_path: Path
) -> None:
    file = tmp_path / "links.jsonl"
    file.write_bytes(lines(somebody, 4))
    console.be(somebody, "transfer")
    console.page.locator("input[type=file]").set_input_files(file)

    done = console.say("import.done", links="3", unchanged="0", refused="1")
    expect(console.page.get_by_text(done)).to_be_visible()
    console.page.get_by_text(console.say("import.see_refused")).click()
    expect(console.page.locator("table")).to_contain_text(re.compile("http"))
    assert len(somebody.call("GET", "/api/links")["links"]) == 3
    assert console.overflow() <= 0

    console.page.locator("input[type=file]").set_input_files(file)
    again = console.say("import.done", links="0", unchanged="3", refused="1")
    expect(console.page.get_by_text(again)).to_be_visible()


def test_a_dropped_file_goes_on_after_a_failure_and_after_a_reload(
    open_console: OpenConsole, somebody: Somebody, tmp_path: Path
) -> None:
    file = tmp_path / "many.jsonl"
    file.write_bytes(lines(somebody, 330, padding=7_900))
    size = file.stat().st_size
    console = open_console()
    parts: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            parts.append(int(request.headers["upload-offset"]))

    def cut(route: Route) -> None:
        if route.request.method != "PATCH":
            return route.continue_()
        note(route.request)
        if len(parts) == 1:
            return route.continue_()
        if len(parts) == 2:  # it was taken, and nobody was told
            route.fetch()
            return route.abort("connectionreset")
        return route.fulfill(status=403, body='{"error": "x", "code": "FORBIDDEN"}')

    console.be(somebody, "transfer")
    console.page.route("**/api/imports/*", cut)
    drop(console, file)
    expect(console.page.get_by_role("alert")).to_contain_text(console.say("problem.403"))
    (begun,) = somebody.call("GET", "/api/imports")["imports"]
    assert 0 < begun["offset"] < size

    console.page.unroute_all()
    console.page.reload()
    expect(console.page.get_by_text(console.say("import.go_on"))).to_be_visible()
    console.page.on("request", note)
    drop(console, file)
    expect(console.page.locator(".progress")).to_contain_text(console.say("import.see_links"))

    assert parts[3] == begun["offset"]
    (done,) = somebody.call("GET", "/api/imports")["imports"]
    assert (done["state"], done["offset"], done["links"], done["refused"]) == ("done", size, 329, 1)


def drop(console: Console, file: Path) -> None:
    """Drop a file onto its place."""
    transfer = console.page.evaluate_handle(
        "([text, name]) => { const given = new DataTransfer();"
        " given.items.add(new File([text], name)); return given; }",
        [file.read_text(), file.name],
    )
    console.page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})


def test_everything_is_exported(console: Console, somebody: Somebody) -> None:
    code = somebody.link(title="Kept")
    console.be(somebody, "transfer")

    for kind in ("jsonl", "csv"):
        with console.page.expect_download() as download:
            console.button(f"export.{kind}").click()
        assert download.value.suggested_filename == f"links.{kind}"
        assert code in download.value.path().read_text()
    expect(console.page.get_by_text(console.say("export.done"))).to_be_visible()
