"""The command `shortener-admin`, and what it does to a running service."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.commands.admin import main
from tests.harness.servers import Database, Valkey
from tests.harness.service import ROOT, Service

IN_A_ROW = 4
Command = Callable[..., int]
WITHIN = 5.0
"""Seconds in which a change is in force everywhere."""
PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"}


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    """Run two workers for the tests of this file."""
    environment = {**module_database.environment, **module_valkey.environment()}
    with Service({**environment, "WEB_CONCURRENCY": "2"}) as service:
        yield service


@pytest.fixture
def admin(module_database: Database) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("shortener-admin")), *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "ENV": "local", **module_database.environment},
        )

    return run


def audit(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    line: dict[str, Any] = json.loads(done.stdout)
    return line


@pytest.fixture
def command(module_database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in this process, which is quicker: command(*arguments) is its status."""
    for name, value in {"ENV": "local", **module_database.environment}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> int:
        try:
            return main(arguments)
        except SystemExit as ended:
            return int(str(ended.code))

    return run


def create(
    service: Service, url: str, bearer: dict[str, str] | None = None, **fields: Any
) -> requests.Response:
    body = {"url": url, **fields}
    return requests.post(f"{service.url}/api/", json=body, headers=bearer, timeout=20)


def sign_up(service: Service) -> dict[str, str]:
    body = {"email": f"{uuid.uuid4()}@example.org", "password": "secret1"}
    token = requests.post(f"{service.url}/api/signup", json=body, timeout=20).json()["token"]
    return {"Authorization": f"Bearer {token}"}


def ask(
    service: Service, bearer: dict[str, str], method: str, code: str, act: str = "", **more: Any
) -> requests.Response:
    """Ask for something to be done with one's own link."""
    url = f"{service.url}/api/links/{code}{act}"
    return requests.request(method, url, headers=bearer, timeout=20, **more)


def statuses(service: Service, code: str) -> set[int]:
    """Ask both workers: a connection of its own for each of many requests."""
    return {
        requests.get(
            f"{service.url}/{code}", headers=PERSON, timeout=20, allow_redirects=False
        ).status_code
        for _ in range(12)
    }


def assert_soon(service: Service, code: str, status: int) -> None:
    """Look until every worker has answered so for a while: the others' last word was in time."""
    changed = other = time.monotonic()
    in_a_row = 0
    while in_a_row < IN_A_ROW:
        asked = time.monotonic()
        if statuses(service, code) == {status}:
            in_a_row += 1
        else:
            in_a_row, other = 0, asked
        assert other <= changed + WITHIN, f"not {status} everywhere within {WITHIN} s"


def test_a_disabled_link_is_gone_everywhere_and_its_owner_cannot_enable_it(
    service: Service, admin: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    body = {"email": "spammer@example.org", "password": "secret1"}
    token = requests.post(f"{service.url}/api/signup", json=body, timeout=20).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    made = requests.post(
        f"{service.url}/api/",
        json={"url": "https://spam.example/", "alias": "Cheap-Pills"},
        headers=bearer,
        timeout=20,
    ).json()
    assert statuses(service, "cheap-pills") == {302}

    line = audit(admin("disable", f"{service.url}/Cheap-Pills", "--reason", "spam", "--by", "ana"))

    assert_soon(service, "cheap-pills", 410)
    assert line.items() >= {
        "act": "disable", "code": made["short_code"], "reason": "spam", "by": "ana",
        "level": "info", "logger": "shortener-admin",
    }.items()  # fmt: skip
    assert line["ts"].endswith("Z")
    path = f"{service.url}/api/links/cheap-pills"
    refused = requests.post(f"{path}/enable", headers=bearer, timeout=20)
    assert (refused.status_code, refused.json()["code"]) == (403, "LINK_LOCKED")
    assert requests.get(path, headers=bearer, timeout=20).json()["state"] == "disabled"

    audit(admin("enable", "cheap-pills", "--reason", "a mistake"))
    assert_soon(service, "cheap-pills", 302)


class TestOwnersAndOperators:
    """What the operators' `enable` ends: their own disabling, and nothing that the owner did."""

    @pytest.fixture
    def owner(self, service: Service) -> dict[str, str]:
        return sign_up(service)

    @pytest.fixture
    def code(self, service: Service, owner: dict[str, str]) -> str:
        made = create(service, "https://two-hands.example/", owner, title="of two")
        return str(made.json()["short_code"])

    @pytest.mark.parametrize("locked_twice", [False, True])
    def test_what_was_disabled_before_stays_so(
        self, service: Service, command: Command, owner: dict[str, str], code: str,
        locked_twice: bool,
    ) -> None:  # fmt: skip
        assert ask(service, owner, "POST", code, "/disable").status_code == 200

        for reason in ("phish", "phish, said again")[: 1 + locked_twice]:
            assert command("disable", code, "--reason", reason) == 0
        assert command("enable", code, "--reason", "a mistake") == 0

        assert ask(service, owner, "GET", code).json()["state"] == "disabled"
        assert_soon(service, code, 410)
        assert ask(service, owner, "POST", code, "/enable").json()["state"] == "active"
        assert_soon(service, code, 302)

    def test_what_is_disabled_during_the_lock_stays_so(
        self, service: Service, command: Command, owner: dict[str, str], code: str
    ) -> None:
        assert command("disable", code, "--reason", "phish") == 0
        assert ask(service, owner, "POST", code, "/disable").json()["state"] == "disabled"

        assert command("enable", code, "--reason", "a mistake") == 0

        assert ask(service, owner, "GET", code).json()["state"] == "disabled"
        assert_soon(service, code, 410)

    def test_what_is_deleted_during_the_lock_stays_so(
        self, service: Service, command: Command, owner: dict[str, str], code: str
    ) -> None:
        assert command("disable", code, "--reason", "phish") == 0
        assert ask(service, owner, "DELETE", code).status_code == 204
        assert ask(service, owner, "POST", code, "/enable").json()["code"] == "LINK_LOCKED"

        assert command("enable", code, "--reason", "a mistake") == 0

        assert ask(service, owner, "GET", code).json()["state"] == "deleted"
        assert ask(service, owner, "POST", code, "/enable").json()["state"] == "active"

    def test_an_attempt_to_enable_it_during_the_lock_changes_nothing(
        self, service: Service, command: Command, owner: dict[str, str], code: str
    ) -> None:
        ask(service, owner, "POST", code, "/disable")
        assert command("disable", code, "--reason", "phish") == 0
        assert ask(service, owner, "POST", code, "/enable").status_code == 403

        assert command("enable", code, "--reason", "a mistake") == 0

        assert ask(service, owner, "GET", code).json()["state"] == "disabled"

    def test_an_earlier_time_is_no_matter_to_a_later_lock(
        self, service: Service, command: Command, owner: dict[str, str], code: str
    ) -> None:
        ask(service, owner, "POST", code, "/disable")
        command("disable", code, "--reason", "phish")
        command("enable", code, "--reason", "a mistake")
        assert ask(service, owner, "POST", code, "/enable").json()["state"] == "active"

        command("disable", code, "--reason", "phish again")
        assert command("enable", code, "--reason", "a mistake again") == 0

        assert ask(service, owner, "GET", code).json()["state"] == "active"

    def test_links_that_go_with_an_account_stay_disabled(
        self,
        service: Service,
        command: Command,
        owner: dict[str, str],
        code: str,
        module_database: Database,
    ) -> None:
        assert command("disable", code, "--reason", "phish") == 0
        body = {"password": "secret1", "links": "disable"}
        gone = requests.delete(f"{service.url}/api/account", json=body, headers=owner, timeout=20)
        assert gone.status_code == 204

        assert command("enable", code, "--reason", "a mistake") == 0

        with module_database.connect() as connection:
            left = connection.execute(
                "SELECT disabled_at IS NOT NULL, locked_because FROM urls WHERE id = %s", (code,)
            ).fetchone()
        assert left == (True, None)
        assert_soon(service, code, 410)


@pytest.mark.parametrize(
    "form",
    [
        "{code}", "{code}+", "{code}?qr", "/{code}", "{code}/", "{code}/qr.svg",
        "{base}/{code}", "{base}/{code}?qr", "{base}/{code}#x", "{base}/{code}?a=/b#/c",
        "{base}/{code}+", "{base}/{code}%2B", "{base}/{code}/qr.svg", "{base}/{code}/qr.png?size=9",
        "{base}/{code}/?qr", "{base}//{code}//", "{base}/api/{code}", "{base}/api/links/{code}",
        "s.example/{code}?qr", "localhost:8000/{code}", " {base}/{code} ", "HTTPS://S.example/{code}",
    ],
)  # fmt: skip
def test_a_link_is_known_by_each_form_of_its_address(
    service: Service, command: Command, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    code = create(service, "https://quoted.example/").json()["short_code"]

    status = command("disable", form.format(base=service.url, code=code), "--reason", "quoted")

    assert status == 0
    assert json.loads(capsys.readouterr().out)["code"] == code
    command("enable", code, "--reason", "for the next")


@pytest.mark.parametrize(
    "address",
    [
        "", "/", "ab", "a b c", "https://s.example", "https://s.example/", "https://s.example/?abcdef",
        "https://abcdef", "https://s.example/#abcdef", "https://s.example/api", "https://s.example/api/links",
        "https://s.example/console", "https://s.example/a/b/abcdef", "https://s.example/abcdef.html",
        "https://s.example/abcdef/qr.gif",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_link_is_refused(
    command: Command, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    assert command("disable", address, "--reason", "x") == 2
    assert "is no code of a link" in capsys.readouterr().err


@pytest.mark.parametrize("act", ["block", "unblock"])
@pytest.mark.parametrize(
    "typed",
    ["1.2.3.0/24", "evil.example/path", "evil.example:8080", "https://evil.example/", "*.x", " "],
)
def test_only_a_host_is_blocked(
    command: Command, capsys: pytest.CaptureFixture[str], act: str, typed: str
) -> None:
    assert command(act, typed, "--reason", "x") == 2
    assert "what can be blocked is one host" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["-1", "0", "1001", "9" * 30, "x", "", "1.5", "1_0"])
def test_lines_are_a_number_that_makes_sense(
    command: Command, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    assert command("top", f"--limit={number}") == 2
    assert "is no whole number of 1 to 1000" in capsys.readouterr().err


def test_an_address_is_blocked_in_each_of_its_spellings(
    service: Service, admin: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    plain = create(service, "http://[::ffff:203.0.113.9]/").json()["short_code"]

    audit(admin("block", "203.0.113.9", "--reason", "phishing"))

    assert_soon(service, plain, 410)
    for host in (
        "203.0.113.9",
        "[::ffff:203.0.113.9]",
        "[::ffff:cb00:7109]",
        "[64:ff9b::cb00:7109]",
    ):
        refused = create(service, f"http://{host}/x")
        assert (refused.status_code, refused.json()["code"]) == (400, "TARGET_BLOCKED"), host
    assert create(service, "http://[::ffff:203.0.113.8]/").status_code in {200, 201}


def test_a_link_to_ourselves_is_refused_in_each_spelling_of_our_address(service: Service) -> None:
    port = service.url.rpartition(":")[2]

    for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"):
        refused = create(service, f"http://{host}:{port}/x")
        assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_URL"), host


def test_a_rule_that_leads_to_a_blocked_host_takes_its_link_along_on_every_path(
    service: Service, admin: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    owner = sign_up(service)
    rules = [{"if": {"language": "pt"}, "url": "https://cloaked.example/x"}]
    made = create(service, "https://harmless.example/", owner, rules=rules)
    code = made.json()["short_code"]
    assert made.json()["link"]["blocked"] is False

    audit(admin("block", "cloaked.example", "--reason", "phishing"))

    assert_soon(service, code, 410)
    for method, path in (
        ("GET", code), ("HEAD", code), ("GET", f"api/{code}"), ("GET", f"{code}+"),
        ("GET", f"{code}/qr.svg"), ("GET", f"{code}/qr.png"),
    ):  # fmt: skip
        for language in ("pt", "en"):
            answer = requests.request(
                method, f"{service.url}/{path}", headers={**PERSON, "Accept-Language": language},
                timeout=20, allow_redirects=False,
            )  # fmt: skip
            assert answer.status_code == 410, (method, path, language)
    shown = ask(service, owner, "GET", code).json()
    assert (shown["state"], shown["blocked"]) == ("active", True)

    # Sent back as it was it changes nothing; without the rule the link is as good as any.
    assert ask(service, owner, "PATCH", code, json=shown).json()["blocked"] is True
    assert ask(service, owner, "PATCH", code, json={"rules": None}).json()["blocked"] is False
    assert_soon(service, code, 302)
    audit(admin("unblock", "cloaked.example", "--reason", "cleaned up"))


def test_a_blocked_host_takes_all_below_it_along(
    service: Service, admin: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    plain = create(service, "https://deep.evil.example/x").json()["short_code"]
    other = create(service, "https://notevil.example/").json()["short_code"]
    assert statuses(service, plain) == {302}

    line = audit(admin("block", "Evil.example.", "--reason", "phishing"))

    assert line["host"] == "evil.example"
    assert_soon(service, plain, 410)
    assert statuses(service, other) == {302}
    for url in ("http://evil.example", "https://WWW.Evil.Example:8443/y"):
        refused = create(service, url)
        assert (refused.status_code, refused.json()["code"]) == (400, "TARGET_BLOCKED")
    assert "evil.example\t" in admin("blocked").stdout

    audit(admin("unblock", "evil.example", "--reason", "cleaned up"))
    assert_soon(service, plain, 302)
    assert admin("unblock", "evil.example", "--reason", "again").returncode == 1


def test_what_was_made_most_is_told_by_address_and_by_host(
    service: Service, admin: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    for number in range(5):
        create(service, f"https://busy.example/{number}")
    deadline = time.monotonic() + 20

    def told() -> list[list[str]]:
        lines = admin("top", "--minutes", "120").stdout.splitlines()
        parts = [line.split("\t") for line in lines]
        return [[kind, links, value] for kind, links, _when, value in parts]

    # Each worker adds what it made by itself.
    while ["host", "5", "busy.example"] not in (lines := told()):
        assert time.monotonic() < deadline, lines
        time.sleep(0.2)

    assert {value for kind, _, value in lines if kind == "address"} == {"127.0.0.1"}
    assert "address" not in admin("top", "--by", "host").stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["disable", "nobody1", "--reason", "x"], 1),
        (["enable", "nobody1", "--reason", "x"], 1),
        (["disable", "a b", "--reason", "x"], 2),
        (["disable", "abcdef"], 2),
        (["disable", "abcdef", "--reason", " "], 2),
        (["block", "javascript:alert(1)", "--reason", "x"], 2),
        (["top", "--minutes", "121"], 2),
        ([], 2),
        (["--help"], 0),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said(
    admin: Callable[..., subprocess.CompletedProcess[str]], arguments: list[str], status: int
) -> None:
    done = admin(*arguments)

    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert done.stderr or status == 0
