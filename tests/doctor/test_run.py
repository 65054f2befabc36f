"""Checks run side by side; whatever one of them does, all rows come, and in time."""

import threading
import time
from collections.abc import Iterator

import pytest

from app.doctor.findings import Ask, Check, Finding, Progress, ok
from app.doctor.run import run


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Let checks that hang end with the test."""
    event = threading.Event()
    yield event
    event.set()


def _hangs(released: threading.Event, *first: str) -> Ask:
    def ask(progress: Progress) -> Iterator[Finding]:
        for row in first:
            yield ok(row, "works")
        progress.at("waiting for a name server", "it is away", "cat /etc/resolv.conf")
        released.wait(30)

    return ask


def test_many_that_hang_take_no_longer_than_one(released: threading.Event) -> None:
    checks = [Check((f"row {number}",), _hangs(released)) for number in range(20)]
    begun = time.monotonic()

    examined = run(checks, 0.5)

    assert time.monotonic() - begun < 1.5
    assert all(each.hung and each.seconds == 0.5 for each in examined)


def test_one_that_hangs_says_what_it_waited_for(released: threading.Event) -> None:
    (examined,) = run([Check(("a", "b", "c"), _hangs(released, "a"))], 0.2)

    first, second, third = examined.findings
    assert (first.status, second.status, third.status) == ("ok", "fail", "skip")
    assert second.found == "no answer within 0.2 s while waiting for a name server"
    assert second.advice
    assert (second.advice.cause, second.advice.next) == ("it is away", "cat /etc/resolv.conf")
    assert third.found == "not looked at, see b"


def test_one_that_breaks_takes_no_other_along() -> None:
    def breaks(progress: Progress) -> Iterator[Finding]:
        progress.at("reading an answer", "", "curl it")
        message = "password=hunter2"
        raise LookupError(message)
        yield

    def works(progress: Progress) -> Iterator[Finding]:
        del progress
        yield ok("b", "works")

    broken, fine = run([Check(("a",), breaks), Check(("b",), works)], 5)

    (finding,) = broken.findings
    assert (finding.status, finding.found) == ("fail", "LookupError while reading an answer")
    assert fine.findings == (ok("b", "works"),)


def test_findings_come_in_the_order_of_the_checks() -> None:
    def after(seconds: float, row: str) -> Ask:
        def ask(progress: Progress) -> Iterator[Finding]:
            del progress
            time.sleep(seconds)
            yield ok(row, "works")

        return ask

    examined = run([Check(("a",), after(0.2, "a")), Check(("b",), after(0, "b"))], 5)

    assert [finding.check for each in examined for finding in each.findings] == ["a", "b"]
