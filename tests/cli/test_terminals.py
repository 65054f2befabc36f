"""What a person sees in a terminal, and what a script gets in a pipe."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, PASSWORD, Shorten, bare_environment, in_process
from tests.cli.terminal import Terminal
from tests.harness.service import Service
from tests.harness.sinks import eventually

ESCAPE = "\x1b["
COLOUR = "\x1b[32m"  # green, of a state


_numbers = itertools.count(1)


@pytest.fixture
def seen(shorten: Shorten) -> str:
    """Make a link and return its code."""
    code = f"seen-by-all-{next(_numbers)}"
    shorten("add", f"https://example.com/{code}", "-a", code, "--title", "[red] :smile:")
    return code


def test_a_person_sees_a_table_with_colours(seen: str, environment: dict[str, str]) -> None:
    with Terminal(["list"], environment | {"PAGER": "cat"}) as terminal:
        assert terminal.end() == 0

    assert "title, target and tags" in terminal.shown
    assert "[red] :smile:" in terminal.shown
    assert COLOUR in terminal.shown


def test_a_link_that_was_blocked_is_said_to_be(
    environment: dict[str, str], shorten: Shorten, live: Service
) -> None:
    shorten("add", "https://lost.example/", "-a", "lost")
    admin = str(Path(sys.executable).with_name("shortener-admin"))
    subprocess.run(
        [admin, "block", "lost.example", "--reason", "phishing"],
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], **live.environment},
    )
    eventually(lambda: shorten("show", "lost", "--json").json["blocked"])

    for arguments, said in ((["list"], " blocked "), (["show", "lost"], "visitors get 410")):
        with Terminal(arguments, environment | {"PAGER": "cat", "NO_COLOR": "1"}) as terminal:
            assert terminal.end() == 0
        assert said in terminal.shown


def test_no_color_is_honoured(seen: str, environment: dict[str, str]) -> None:
    with Terminal(["show", seen], environment | {"NO_COLOR": "1"}) as terminal:
        assert terminal.end() == 0

    assert "active" in terminal.shown
    assert COLOUR not in terminal.shown


def test_a_pipe_gets_rows_without_escapes(seen: str, environment: dict[str, str]) -> None:
    for arguments in (["list"], ["show", seen], ["stats", seen], ["tags"]):
        result = in_process(arguments, environment)
        assert result.status == 0
        assert ESCAPE not in result.out + result.err

    assert in_process(["list"], environment).lines[0].split("\t")[:4] == [
        seen,
        f"https://example.com/{seen}",
        "0",
        "active",
    ]


def test_who_reads_no_further_ends_it_quietly(environment: dict[str, str]) -> None:
    lines = "\n".join(f"https://example.com/pipe/{number}" for number in range(150))
    in_process(["add", "-", "--title", "x" * 200], environment, lines)
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [*COMMAND, "list", "--json"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


def test_a_password_is_asked_for_and_not_shown(live: Service, email: str, tmp_path: Path) -> None:
    environment = bare_environment(tmp_path)
    with Terminal(["login", "--url", live.url], environment) as terminal:
        terminal.await_text("Email: ")
        terminal.type(email)
        terminal.await_text("Password: ")
        terminal.type(PASSWORD)
        assert terminal.end() == 0

    assert PASSWORD not in terminal.shown
    assert f"Logged in at {live.url} as {email}." in terminal.shown


def test_a_person_is_asked_before_something_is_deleted(
    shorten: Shorten, seen: str, environment: dict[str, str]
) -> None:
    with Terminal(["delete", seen], environment) as terminal:
        terminal.await_text(f"Delete {seen}? [y/N]:")
        terminal.type("n")
        assert terminal.end() == 1

    assert "nothing was done" in terminal.shown
    assert shorten("show", seen, "--json").json["state"] == "active"


def test_ctrl_c_ends_with_130_and_no_traceback(seen: str, environment: dict[str, str]) -> None:
    with Terminal(["delete", seen], environment) as terminal:
        terminal.await_text("[y/N]: ")
        terminal.interrupt()
        assert terminal.end() == 130

    assert "Traceback" not in terminal.shown


def test_errors_are_json_for_scripts(shorten: Shorten) -> None:
    refused = shorten("show", "has-nobody", "--json")
    misused = shorten("edit", "has-nobody", "--json")
    away = shorten("show", "has-nobody", "--json", SHORTENER_URL="http://127.0.0.1:9")

    assert refused.status == 3
    assert json.loads(refused.err) == {
        "error": "Short URL not found",
        "code": "URL_NOT_FOUND",
        "status": 404,
        "exit_status": 3,
    }
    assert (misused.status, json.loads(misused.err)["code"]) == (2, "USAGE")
    assert away.status == 5
    assert json.loads(away.err.splitlines()[-1])["error"] == "nothing answers at http://127.0.0.1:9"


def test_a_qr_code_is_drawn_and_written(
    shorten: Shorten, seen: str, live: Service, tmp_path: Path
) -> None:
    drawn = shorten("qr", seen)
    picture = tmp_path / "seen.png"
    svg = tmp_path / "seen.svg"

    # Dark on light: the ring of the first corner is what is not drawn.
    assert any(line.startswith("██ ▄▄▄▄▄ █") for line in drawn.out.splitlines())
    assert shorten("qr", seen, "-o", str(picture)).status == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert shorten("qr", seen, "-o", str(svg), "--dark", "1a2b3c").status == 0
    assert b"#1a2b3c" in svg.read_bytes()
    assert shorten("qr", seen, "-o", str(tmp_path / "seen.gif")).status == 2
    assert shorten("qr", seen, "--json").json["content"] == f"{live.url}/{seen}?qr"


def test_statistics_are_a_chart_for_people_and_rows_for_scripts(
    shorten: Shorten, seen: str, live: Service, environment: dict[str, str]
) -> None:
    agents = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/127.0 Firefox/127.0"}
    for _ in range(3):
        live.client.get(f"{live.url}/{seen}", headers=agents, allow_redirects=False)
    bot = {"User-Agent": "Googlebot/2.1"}
    live.client.get(f"{live.url}/{seen}", headers=bot, allow_redirects=False)
    eventually(lambda: shorten("stats", seen).lines[0].split("\t")[2] == "3")

    totals = shorten("stats", seen, "--json").json["totals"]
    with Terminal(["stats", seen], environment) as terminal:
        assert terminal.end() == 0

    assert (totals["visits"], totals["bots"]) == (3, 1)
    assert "┤" in terminal.shown
    assert "██" in terminal.shown
    assert "Firefox" in terminal.shown
    assert shorten("stats", "--csv").lines[0] == "kind,name,visits,visitors,bots,scans"
    assert shorten("stats", seen, "--tz", "Mars/Base").status == 1
    assert shorten("reset-stats", seen, "--yes").status == 0
    assert shorten("stats", seen).lines[0] == "total\t\t0\t0\t0\t0"
