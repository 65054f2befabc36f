"""What a check found, and where it is while it has not found anything yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """How it stands with one row."""

    OK = "ok"
    WARN = "warn"
    """Works, but somebody should look at it by day."""
    FAIL = "fail"
    SKIP = "skip"
    """Not configured, not given, or not to be found out before something else works."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is likely behind a finding, and the command or deed that comes next."""

    cause: str
    next: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table."""

    check: str
    status: Status
    found: str
    advice: Advice | None = None
    """Always there when the status is warn or fail."""
    settle: Callable[[Mapping[str, Finding]], Finding] | None = field(
        default=None, compare=False, repr=False
    )
    """Makes the row again once all others are known, for one that only shows consequences."""


class Progress:
    """What a check is waiting for at this moment."""

    def __init__(self) -> None:
        self.step = "starting"
        self.advice = Advice("this machine is too busy", "Run doctor once more")

    def at(self, step: str, cause: str, then: str) -> None:
        """Say what comes now, and what it would mean if it never ended."""
        self.step, self.advice = step, Advice(cause, then)


Ask = Callable[[Progress], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One thread's work: `ask` yields a finding for each of `rows`, in order, or stops early."""

    rows: tuple[str, ...]
    ask: Ask


def ok(check: str, found: str) -> Finding:
    """Return a row that needs nobody."""
    return Finding(check, Status.OK, found)


def skip(check: str, found: str) -> Finding:
    """Return a row that says why it was not looked at."""
    return Finding(check, Status.SKIP, found)


def warn(check: str, found: str, cause: str, then: str) -> Finding:
    """Return a row for tomorrow."""
    return Finding(check, Status.WARN, found, Advice(cause, then))


def fail(check: str, found: str, cause: str, then: str) -> Finding:
    """Return a row for now."""
    return Finding(check, Status.FAIL, found, Advice(cause, then))
