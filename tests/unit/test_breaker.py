"""The circuit breaker: opens at a failure, closes by itself when the dependency is back."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from app.storage.breaker import CircuitBreaker

SOON = 10.0


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SOON
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


class Dependency:
    """Something that a probe asks; away until a test says otherwise."""

    def __init__(self) -> None:
        self.back = False
        self.asked = 0

    def probe(self) -> None:
        self.asked += 1
        if not self.back:
            raise OSError


def describe(error: Exception) -> str:
    return f"it raised {type(error).__name__}"


@pytest.fixture
def dependency() -> Dependency:
    """Make a dependency that is away."""
    return Dependency()


@pytest.fixture
def breaker(dependency: Dependency) -> Iterator[CircuitBreaker]:
    """Make a breaker that probes every 5 ms."""
    breaker = CircuitBreaker("Store", dependency.probe, 0.005, describe=describe)
    yield breaker
    dependency.back = True
    breaker.stop()
    assert eventually(lambda: not _probing())


def _probing() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "store-probe"]


def test_it_is_closed_at_first_and_asks_nothing(
    breaker: CircuitBreaker, dependency: Dependency
) -> None:
    assert not breaker.is_open
    assert dependency.asked == 0
    assert not _probing()


def test_a_failure_opens_it(breaker: CircuitBreaker) -> None:
    breaker.failed("no answer in time")

    assert breaker.is_open


def test_it_stays_open_while_probes_fail(breaker: CircuitBreaker, dependency: Dependency) -> None:
    breaker.failed("no answer in time")

    assert eventually(lambda: dependency.asked >= 3)
    assert breaker.is_open


def test_it_closes_when_a_probe_succeeds(breaker: CircuitBreaker, dependency: Dependency) -> None:
    breaker.failed("no answer in time")
    dependency.back = True

    assert eventually(lambda: not breaker.is_open)
    assert eventually(lambda: not _probing())


def test_it_opens_again_after_it_closed(breaker: CircuitBreaker, dependency: Dependency) -> None:
    breaker.failed("no answer in time")
    dependency.back = True
    assert eventually(lambda: not breaker.is_open)
    dependency.back = False

    breaker.failed("no answer in time")

    assert breaker.is_open


def test_many_failures_at_once_start_one_probe(
    breaker: CircuitBreaker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            breaker.failed("no answer in time")

    assert len(_probing()) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "Store is away: no answer in time"
    ]


def test_both_turns_are_logged(
    breaker: CircuitBreaker, dependency: Dependency, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        breaker.failed("the connection was refused")
        dependency.back = True
        assert eventually(lambda: len(caplog.records) == 2)

    assert caplog.messages == ["Store is away: the connection was refused", "Store is back"]


def test_stopped_it_neither_probes_nor_opens(
    breaker: CircuitBreaker, dependency: Dependency
) -> None:
    breaker.stop()
    breaker.failed("no answer in time")

    assert not breaker.is_open
    assert not _probing()


def test_a_probe_is_a_daemon_that_no_exit_waits_for(breaker: CircuitBreaker) -> None:
    breaker.failed("no answer in time")

    (thread,) = _probing()
    assert thread.daemon


def test_the_cause_is_said_again_while_it_lasts_as_the_probes_see_it(
    dependency: Dependency, caplog: pytest.LogCaptureFixture
) -> None:
    breaker = CircuitBreaker("Store", dependency.probe, 0.005, describe=describe, reminder=0.01)
    with caplog.at_level(logging.WARNING):
        breaker.failed("no answer in time")
        assert eventually(lambda: len(caplog.messages) >= 3)
    dependency.back = True
    assert eventually(lambda: not breaker.is_open)

    first, *reminders = [message for message in caplog.messages if "is away" in message]
    assert first == "Store is away: no answer in time"
    assert {message.rpartition(", for")[0] for message in reminders} == {
        "Store is away: it raised OSError"
    }
    assert breaker.cause == "it raised OSError"


def test_reminders_keep_their_distance(
    dependency: Dependency, breaker: CircuitBreaker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        breaker.failed("no answer in time")
        assert eventually(lambda: dependency.asked >= 20)

    assert caplog.messages == ["Store is away: no answer in time"]
