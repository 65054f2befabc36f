"""Import and export: to the end, whatever ends them in the middle."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import COMMAND, Shorten, in_process
from tests.cli.terminal import Terminal
from tests.harness.proxy import Proxy
from tests.harness.service import Service
from tests.harness.sinks import eventually

MANY = 12_000


@pytest.fixture
def slow(live: Service, environment: dict[str, str]) -> Iterator[tuple[Proxy, dict[str, str]]]:
    """Put a slow line between the command and the service."""
    with Proxy(live.port) as proxy:
        proxy.delay(0.03)
        yield proxy, environment | {"SHORTENER_URL": f"http://127.0.0.1:{proxy.port}"}


def records(prefix: str, number: int) -> list[dict[str, Any]]:
    return [
        {
            "code": f"{prefix}-{at:06}",
            "url": f"https://example.com/{prefix}/{at}?{'x' * 150}",
            "title": f'Line "{at}", of many' if at % 3 else None,
            "tags": ["imported"],
            "visits": at,
        }
        for at in range(number)
    ]


def write(path: Path, links: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(link) + "\n" for link in links))
    return path


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_what_is_not_taken_is_listed_with_line_and_reason(shorten: Shorten, tmp_path: Path) -> None:
    links = records("bad", 40)
    links[3]["url"] = "javascript:alert(1)"
    links[7]["code"] = "api"
    file = write(tmp_path / "links.jsonl", links)

    done = shorten("import", str(file))
    told = shorten("import", str(file), "--json")

    assert done.status == 7
    assert [line.split("\t")[:2] for line in done.lines] == [["4", "bad-000003"], ["8", "api"]]
    assert "38 new links, 0 known already, 2 refused" in done.err
    assert json.loads(told.lines[-1])["unchanged"] == 38
    assert [json.loads(line)["line"] for line in told.lines[:-1]] == [4, 8]
    assert shorten("imports").lines[0].split("\t")[1:4] == ["links.jsonl", "jsonl", "done"]


def test_an_import_from_a_pipe(
    shorten: Shorten, environment: dict[str, str], tmp_path: Path
) -> None:
    file = write(tmp_path / "links.jsonl", records("pipe", 5))

    done = in_process(["import", "-"], environment, file.read_bytes())

    assert (done.status, done.err) == (0, "Done: 5 new links, 0 known already, 0 refused.\n")
    assert shorten("show", "pipe-000004", "--json").json["visits"] == 4


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_what_is_exported_is_what_the_service_says(
    shorten: Shorten, live: Service, environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    shorten("import", str(write(tmp_path / "in.jsonl", records(f"round-{kind}", 30))))
    target = tmp_path / f"out.{kind}"

    assert shorten("export", str(target)).status == 0

    header = {"Authorization": f"Bearer {environment['SHORTENER_TOKEN']}"}
    direct = live.client.get(f"{live.url}/api/export?format={kind}", headers=header)
    assert target.read_bytes() == direct.content
    assert in_process(["export", "-f", kind], environment).out.encode() == direct.content
    assert list(tmp_path.glob("*.part")) == []
    assert shorten("export", str(target)).status == 2  # nobody can be asked whether to replace it
    assert shorten("export", str(target), "-y").status == 0


def test_an_import_that_was_killed_goes_on_where_it_was(
    shorten: Shorten, slow: tuple[Proxy, dict[str, str]], tmp_path: Path
) -> None:
    proxy, environment = slow
    file = write(tmp_path / "many.jsonl", records("killed", MANY))
    process = subprocess.Popen([*COMMAND, "import", str(file)], env=environment)
    eventually(lambda: any(one["offset"] > 0 for one in imports(shorten)), 30)
    proxy.hang()
    kill(process)
    (left,) = imports(shorten)
    assert 0 < left["offset"] < left["size"]
    proxy.restore()

    done = in_process(["import", str(file)], environment)

    assert done.status == 0
    assert "Going on with the import of" in done.err
    (found,) = imports(shorten)
    assert (found["state"], found["links"], found["unchanged"]) == ("done", MANY, 0)
    assert len(in_process(["export"], environment).lines) == MANY


def test_ctrl_c_says_how_an_import_goes_on(
    shorten: Shorten, slow: tuple[Proxy, dict[str, str]], tmp_path: Path
) -> None:
    _, environment = slow
    file = write(tmp_path / "many.jsonl", records("stopped", MANY))
    with Terminal(["import", str(file)], environment) as terminal:
        eventually(lambda: any(one["offset"] > 0 for one in imports(shorten)), 30)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130

    assert "Importing" in terminal.shown
    assert "left" in terminal.shown
    told = " ".join(terminal.shown.split())
    assert f"the same goes on: shorten import {file}" in told, told


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_an_export_goes_on_behind_what_was_cut_or_killed(
    shorten: Shorten, slow: tuple[Proxy, dict[str, str]], tmp_path: Path, kind: str
) -> None:
    proxy, environment = slow
    file = write(tmp_path / "many.jsonl", records(f"cut-{kind}", MANY // 2))
    assert shorten("import", str(file)).status == 0
    whole = tmp_path / f"whole.{kind}"
    assert shorten("export", str(whole)).status == 0
    target = tmp_path / f"target.{kind}"
    process = subprocess.Popen([*COMMAND, "export", str(target)], env=environment)
    eventually(lambda: any(p.stat().st_size > 10_000 for p in tmp_path.glob("target*.part")), 30)
    proxy.hang()
    kill(process)
    (part,) = tmp_path.glob("target*.part")
    with part.open("ab") as file_of_it:
        file_of_it.write(b'"torn in the mid')  # as when the machine dies in a write
    proxy.restore()
    proxy.reset_after(whole.stat().st_size // 3)

    done = in_process(["export", str(target)], environment)

    assert done.status == 0
    assert "Going on behind" in done.err
    assert target.read_bytes() == whole.read_bytes()


def test_a_pipe_that_is_closed_ends_an_export_quietly(
    shorten: Shorten, environment: dict[str, str], tmp_path: Path
) -> None:
    shorten("import", str(write(tmp_path / "in.jsonl", records("closed", 2_000))))
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [*COMMAND, "export"], stdout=writer, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


def imports(shorten: Shorten) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shorten("imports", "--json").lines]
