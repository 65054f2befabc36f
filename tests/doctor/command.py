"""The command `doctor`, run as a person runs it, and its rows."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.doctor.checks import checks
from app.doctor.findings import Finding
from app.doctor.run import run
from app.doctor.situation import Options, Situation
from tests.doctor.pasting import assert_sound

DOCTOR = str(Path(sys.executable).with_name("doctor"))
STRONG = "mQ7vT2xK9pLw4ZsR8nYb3HcD6fGj1AeU5iOq0WtX"
SECRETS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "JWT_SECRET")
# What drivers and the interpreter write; none of it may be in what doctor prints.
FOREIGN = (
    "Traceback",
    "FATAL",
    "Errno",
    "psycopg",
    "urllib3",
    "HTTPConnection",
    "Max retries",
    "WRONGPASS",
    "libpq",
)


@dataclass(frozen=True)
class Outcome:
    """What one run printed, and how long the process lived."""

    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def report(self) -> dict[str, Any]:
        """The object that --json printed."""
        parsed: dict[str, Any] = json.loads(self.stdout)
        return parsed

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The checks of --json by their names."""
        return {row["check"]: row for row in self.report["checks"]}


def doctor(
    environment: Mapping[str, str], *arguments: str, cwd: Path, before: tuple[str, ...] = ()
) -> Outcome:
    """Run the command; whatever it printed holds no secret and nobody else's words."""
    begun = time.monotonic()
    done = subprocess.run(
        [*before, DOCTOR, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=40,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environment},
    )
    seconds = time.monotonic() - begun
    printed = done.stdout + done.stderr
    assert_tells_nothing(printed, environment)
    if "--json" in arguments and done.stdout:
        for row in json.loads(done.stdout)["checks"]:
            assert_sound(row["next"] or "Nothing follows")
    return Outcome(done.returncode, done.stdout, done.stderr, seconds)


def assert_tells_nothing(printed: str, environment: Mapping[str, str]) -> None:
    """Fail if a secret, or a driver's or the interpreter's words are in what was printed."""
    held = [environment.get(name, "") for name in SECRETS]
    # The shared test server's user, database and password are all "postgres".
    secrets = [secret for secret in held if secret and secret != "postgres"]
    assert [secret for secret in secrets if secret in printed] == []
    assert [word for word in FOREIGN if word in printed] == []


def examine(
    environment: Mapping[str, str], options: Options | None = None, limit: float = 10.0
) -> dict[str, Finding]:
    """Run all checks in this process, patiently, and return their rows by name."""
    situation = Situation.of(environment, options or Options())
    examined = run(checks(situation), limit)
    findings = [finding for each in examined for finding in each.findings]
    assert_tells_nothing(repr(findings), environment)
    for finding in findings:
        assert_sound(finding.advice.next if finding.advice else "Nothing follows")
    return {finding.check: finding for finding in findings}


def said(finding: Finding) -> str:
    """Return all that a row says, for searching."""
    advice = finding.advice
    return f"{finding.status} {finding.found} {advice.cause} {advice.next}" if advice else ""
