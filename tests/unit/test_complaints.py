"""Complaints: at once, then at a bounded rate, and nothing is kept back without being counted."""

import logging

import pytest

from app.storage.complaints import Complaints


class Clock:
    """Time that passes when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Make a clock that stands."""
    return Clock()


@pytest.fixture
def complaints(clock: Clock, caplog: pytest.LogCaptureFixture) -> Complaints:
    """Make complaints that are said once a minute."""
    caplog.set_level(logging.INFO)
    return Complaints(logging.getLogger("test"), 60.0, clock)


def test_the_first_is_said_at_once(
    complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    complaints.say("Store refused", "a lock")

    assert caplog.messages == ["Store refused: a lock"]


def test_it_is_said_again_while_it_lasts_with_how_often_it_was_kept_back(
    complaints: Complaints, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(121):
        clock.now = second
        complaints.say("Store refused", "a lock")

    assert caplog.messages == [
        "Store refused: a lock",
        "Store refused: a lock (59 times more since it was last said)",
        "Store refused: a lock (59 times more since it was last said)",
    ]


def test_each_cause_is_said_for_itself(
    complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    complaints.say("Store refused", "a lock")
    complaints.say("Store refused", "no memory")
    complaints.say("Store waits", "a lock", logging.INFO)

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "Store refused: a lock"),
        ("WARNING", "Store refused: no memory"),
        ("INFO", "Store waits: a lock"),
    ]


def test_what_is_remembered_is_bounded(complaints: Complaints) -> None:
    for number in range(1000):
        complaints.say("Store refused", str(number))

    assert len(complaints._said) <= 64
