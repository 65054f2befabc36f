"""The command `shortener-admin`, and what it does to a running service."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.harness.servers import Database, Valkey
from tests.harness.service import ROOT, Service

IN_A_ROW = 4
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


def create(service: Service, url: str, **fields: Any) -> requests.Response:
    body = {"url": url, **fields}
    return requests.post(f"{service.url}/api/", json=body, timeout=20)


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


def test_a_blocked_host_takes_all_below_it_along(
    service: Service, admin: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    plain = create(service, "https://deep.evil.example/x").json()["short_code"]
    other = create(service, "https://notevil.example/").json()["short_code"]
    assert statuses(service, plain) == {302}

    line = audit(admin("block", "HTTPS://Evil.example./", "--reason", "phishing"))

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
