"""All of the page at /console as somebody uses it, in both languages, narrow and wide."""

import os
import re
import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.conftest import OpenConsole
from tests.browser.console import PASSWORD, Console, Reader, Somebody
from tests.harness.service import Service
from tests.harness.sinks import eventually

READERS = [
    Reader("en-GB", 1280),
    Reader("pt-BR", 320, scheme="dark"),
    Reader("en-GB", 320),
    Reader("pt-BR", 1280, scheme="dark"),
]
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = {
    f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Chrome/130.0 Safari/537.36": 2,
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) {_WEBKIT} Version/17.0 Safari/604": 1,
    "Googlebot/2.1 (+http://www.google.com/bot.html)": 4,
}


@pytest.fixture(params=READERS, ids=lambda reader: f"{reader.locale}-{reader.width}")
def console(request: pytest.FixtureRequest, open_console: OpenConsole) -> Console:
    """Open the page for each kind of reader."""
    return open_console(request.param)


def test_somebody_signs_up_logs_out_and_logs_in(console: Console) -> None:
    email = f"{uuid.uuid4()}@example.com"
    console.open()
    console.page.get_by_role("link", name=console.say("sign_up")).click()
    console.field("email").fill(email)
    console.field("password").fill(PASSWORD)
    console.button("sign_up").click()
    expect(console.page.get_by_text(console.say("links.none"), exact=True)).to_be_visible()

    console.button("log_out").click()
    expect(console.heading).to_have_text(console.say("log_in"))
    console.field("email").fill(email)
    console.field("password").fill(PASSWORD)
    console.field("password").press("Enter")

    expect(console.heading).to_have_text(console.say("nav.links"))
    assert console.overflow() <= 0


def test_a_link_is_made_with_all_its_fields(console: Console, somebody: Somebody) -> None:
    console.be(somebody)
    alias = f"alias-{uuid.uuid4().hex[:8]}"
    starts = datetime.now(UTC).replace(microsecond=0, second=0) + timedelta(days=2)
    console.page.get_by_text(console.say("more_fields")).click()
    console.field("target").fill("https://example.com/spring?a=b#c")
    console.field("alias").fill(alias)
    console.field("title_of_link").fill("Frühling, قائمة")
    console.field("tags").fill("Spring, 🌷,")
    console.field("tags").fill("last")
    # The reader's zone is three hours behind.
    local = starts - timedelta(hours=3)
    console.field("starts").fill(local.strftime("%Y-%m-%dT%H:%M"))
    console.field("expires").fill((local + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"))
    console.field("max_visits").fill("25")
    console.field("redirect_status").select_option("307")
    console.field("forward_query").select_option("true")
    console.button("rules.add").click()
    console.field("device").select_option("ios")
    console.field("language", console.page.locator(".rules")).fill("pt-BR")
    console.field("leads_to", console.page.locator(".rules")).fill("https://example.com/ios")

    console.button("shorten").click()

    expect(console.row("Frühling, قائمة")).to_be_visible()
    link = somebody.call("GET", f"/api/links/{alias}")
    told = {name: link[name] for name in ("url", "title", "tags", "max_visits", "redirect_status")}
    assert told == {
        "url": "https://example.com/spring?a=b#c",
        "title": "Frühling, قائمة",
        "tags": ["Spring", "🌷", "last"],
        "max_visits": 25,
        "redirect_status": 307,
    }
    assert datetime.fromisoformat(link["starts_at"]) == starts
    assert datetime.fromisoformat(link["expires_at"]) == starts + timedelta(days=1)
    assert link["forward_query"] is True
    condition = {"device": "ios", "language": "pt-BR"}
    assert [rule["url"] for rule in link["rules"]] == ["https://example.com/ios"]
    assert condition.items() <= link["rules"][0]["if"].items()
    expect(console.row("Frühling")).to_contain_text(console.say("state.scheduled"))
    assert console.overflow() <= 0


def test_links_are_found_sorted_and_paged(console: Console, somebody: Somebody) -> None:
    for number in range(23):
        somebody.link(title=f"Number {number:02}", tags=["even" if number % 2 == 0 else "odd"])
    console.be(somebody)
    expect(console.rows()).to_have_count(20)
    expect(console.rows().first).to_contain_text("Number 22")

    console.page.get_by_role("link", name=console.say("pages.next")).click()
    expect(console.rows()).to_have_count(3)
    console.page.reload()
    expect(console.rows()).to_have_count(3)
    console.page.go_back()
    expect(console.rows()).to_have_count(20)

    choose = {
        key: console.page.get_by_label(console.say(key), exact=True)
        for key in ("tag", "state", "sort")
    }
    choose["tag"].select_option("odd")
    expect(console.rows()).to_have_count(11)
    choose["sort"].select_option("created_at")
    expect(console.rows().first).to_contain_text("Number 01")
    console.page.get_by_role("searchbox").fill("number 07")
    expect(console.rows()).to_have_count(1)
    choose["state"].select_option("disabled")
    expect(console.page.get_by_text(console.say("links.none_found"), exact=True)).to_be_visible()
    console.page.get_by_role("link", name=console.say("links.show_all")).click()
    expect(console.rows()).to_have_count(20)


def test_a_link_is_edited_disabled_deleted_and_had_back(
    console: Console, somebody: Somebody
) -> None:
    code = somebody.link(title="Before", tags=["a"])
    console.be(somebody)

    console.button("edit_of", name="Before").click()
    window = console.page.get_by_role("dialog")
    console.field("title_of_link", window).fill("After")
    console.button("tags.remove", window, name="a").click()
    console.field("max_visits", window).fill("7")
    console.button("save", window).click()
    expect(console.row("After")).to_be_visible()
    link = somebody.call("GET", f"/api/links/{code}")
    assert (link["title"], link["tags"], link["max_visits"]) == ("After", [], 7)

    console.button("disable_of", name="After").click()
    expect(console.row("After")).to_contain_text(console.say("state.disabled"))
    console.button("enable_of", name="After").click()
    console.button("delete_of", name="After").click()
    expect(console.button("undo")).to_be_focused()
    assert somebody.call("GET", f"/api/links/{code}")["state"] == "deleted"
    console.button("undo").press("Enter")

    expect(console.button("delete_of", name="After")).to_be_visible()
    assert somebody.call("GET", f"/api/links/{code}")["state"] == "active"
    assert console.overflow() <= 0


def test_a_link_that_was_blocked_is_said_to_be(console: Console, somebody: Somebody) -> None:
    host = f"h{uuid.uuid4().hex}.example"
    code = somebody.link(title="Lost", url=f"https://{host}/")
    command = [str(Path(sys.executable).with_name("shortener-admin")), "block", host]
    subprocess.run(
        [*command, "--reason", "phishing"],
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], **console.service.environment},
    )
    eventually(lambda: somebody.call("GET", f"/api/links/{code}")["blocked"])
    console.be(somebody)

    expect(console.row("Lost").locator(".badge")).to_have_text(console.say("state.blocked"))
    expect(console.row("Lost")).to_contain_text(console.say("blocked_why"))
    assert console.overflow() <= 0


def test_an_address_is_copied_and_its_qr_code_kept(console: Console, somebody: Somebody) -> None:
    code = somebody.link(title="Poster")
    console.be(somebody)

    console.button("copy_of", name="Poster").click()
    expect(console.page.locator("#toasts")).to_contain_text(code)
    console.button("qr_of", name="Poster").click()
    window = console.page.get_by_role("dialog")
    picture = window.get_by_role("img")
    expect(picture).to_have_js_property("naturalWidth", 300)
    console.field("qr.size", window).select_option("600")
    with console.page.expect_download() as download:
        window.get_by_role("link", name=console.say("qr.png")).click()

    assert console.page.evaluate("navigator.clipboard.readText()").endswith(f"/{code}")
    assert download.value.suggested_filename == f"{code}.png"
    assert download.value.path().read_bytes()[:4] == b"\x89PNG"
    assert console.overflow() <= 0


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: f"{reader.locale}-{reader.width}")
def test_visits_are_shown_with_bots_apart(
    open_console: OpenConsole, reader: Reader, somebody: Somebody, own_service: Service
) -> None:
    # Breakdowns are kept by days of UTC: west of it, this evening's are tomorrow's.
    console = open_console(replace(reader, zone="UTC"))
    code = somebody.link(title="Visited")
    for agent, times in AGENTS.items():
        headers = {"User-Agent": agent, "Referer": "https://news.example.org/a"}
        for _ in range(times):
            requests.get(
                f"{own_service.url}/{code}", headers=headers, allow_redirects=False, timeout=20
            )
    console.be(somebody, f"links/{code}")
    total = console.page.locator(".totals dd")
    for _ in range(60):  # they are written about once a second, not all of them at once
        expect(total.first).to_be_visible()
        if (total.first.inner_text(), total.nth(2).inner_text()) == ("3", "4"):
            break
        console.page.wait_for_timeout(500)
        console.page.reload()

    expect(total.first).to_have_text("3")
    expect(total.nth(2)).to_have_text("4")
    expect(console.page.get_by_role("img", name=console.say("over_time"))).to_be_visible()
    for told in ("news.example.org", "Chrome", console.say("device.ios")):
        expect(console.page.locator(".breakdowns")).to_contain_text(told)
    console.page.get_by_label(console.say("range"), exact=True).select_option("7")
    console.page.get_by_label(console.say("interval"), exact=True).select_option("hour")
    console.page.get_by_text(console.say("as_table")).click()
    rows = console.page.locator("figure tbody tr")
    # Hours of the reader's days, up to the end of today.
    expect(rows).to_have_count(7 * 24)
    assert console.overflow() <= 0
    with console.page.expect_download() as download:
        console.button("as_csv").click()
    assert "hour" in download.value.path().read_text()


def test_statistics_of_all_links_or_of_a_tag(console: Console, somebody: Somebody) -> None:
    somebody.link(tags=["shown"])
    console.be(somebody, "statistics")
    expect(console.page.get_by_text(console.say("statistics.none"))).to_be_visible()

    console.page.get_by_label(console.say("tag"), exact=True).select_option("shown")

    expect(console.page).to_have_url(re.compile("tag=shown"))
    expect(console.page.locator(".totals")).to_be_visible()
