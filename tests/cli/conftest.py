"""One service for the tests of a file, an account for each test, and the command itself."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from shorten.main import run

from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

PASSWORD = "a-password-of-the-tests"
COMMAND = [sys.executable, "-m", "shorten"]


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.out.splitlines()


Shorten = Callable[..., Result]


@pytest.fixture(scope="module")
def live(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    """Run the service for the tests of a file."""
    with Service({**module_database.environment, **module_valkey.environment()}) as service:
        yield service


_numbers = itertools.count(1)


@pytest.fixture
def email(live: Service) -> str:
    """Make an account and return its address."""
    email = f"somebody-{next(_numbers)}@example.org"
    body = {"email": email, "password": PASSWORD}
    assert live.client.post(f"{live.url}/api/signup", json=body).status_code == 201
    return email


@pytest.fixture
def environment(live: Service, email: str, tmp_path: Path) -> dict[str, str]:
    """Return an environment in which somebody is logged in."""
    body = {"email": email, "password": PASSWORD}
    token = live.client.post(f"{live.url}/api/login", json=body).json()["token"]
    return bare_environment(tmp_path) | {"SHORTENER_URL": live.url, "SHORTENER_TOKEN": token}


def bare_environment(folder: Path) -> dict[str, str]:
    """Return an environment without anything of the caller's."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "LANG": "C.UTF-8",
        "TZ": "Europe/Lisbon",
        "TERM": "xterm-256color",
    }


@pytest.fixture
def shorten(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Shorten:
    """Run the command in this process, which is quick: shorten("show", code, NO_COLOR="1")."""

    def call(*arguments: str, **changes: str) -> Result:
        return run_here(arguments, environment | changes, capsys)

    return call


def run_here(
    arguments: Sequence[str], environment: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> Result:
    """Run the command in this process."""
    capsys.readouterr()
    status = run(arguments, environment)
    out, err = capsys.readouterr()
    return Result(status, out, err)


def in_process(
    arguments: list[str], environment: Mapping[str, str], stdin: str | bytes = b"", **more: Any
) -> Result:
    """Run the command as a process of its own, connected to pipes."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=given,
        capture_output=True,
        env=dict(environment),
        check=False,
        timeout=50,
        **more,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())
