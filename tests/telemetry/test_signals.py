"""Kept state of a signal: every item ends as accepted or lost."""

from telemetry.signals import SLACK, Signal


def produced(count: int, capacity: int | None = None) -> Signal:
    """Return a signal that has produced so many items."""
    signal = Signal("traces", 7, capacity=capacity)
    for _ in range(count):
        signal.produce()
    return signal


def test_works_is_the_outcome_of_the_last_export() -> None:
    signal = produced(3)
    seen = [signal.works]
    signal.exported(1, 0)
    seen.append(signal.works)
    signal.export_failed(1)
    seen.append(signal.works)
    signal.exported(1, 0)
    seen.append(signal.works)
    assert seen == [False, True, False, True]


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_periodic_export_that_does_not_come_does_not_work() -> None:
    clock = Clock()
    signal = Signal("metrics", 32, periodic=True, clock=clock)
    signal.exported(1, 0)
    clock.now += 32 + SLACK
    assert signal.works
    clock.now += 1
    assert not signal.works
    signal.exported(1, 0)
    assert signal.works


def test_items_that_wait_for_too_long_do_not_work() -> None:
    clock = Clock()
    signal = Signal("traces", 7, clock=clock)
    signal.exported(0, 0)
    clock.now += 1000
    assert signal.works, "there was nothing to export"
    signal.produce()
    clock.now += 7
    signal.produce()
    clock.now += SLACK
    assert signal.works
    clock.now += 1
    assert not signal.works
    signal.probed(accepted=True)
    assert not signal.works, "an empty export is none of those that are overdue"
    signal.exported(2, 0)
    clock.now += 1000
    assert signal.works


def test_what_an_overfull_queue_dropped_is_not_waited_for() -> None:
    clock = Clock()
    signal = Signal("traces", 7, capacity=10, clock=clock)
    for _ in range(15):
        signal.produce()
    signal.exported(10, 0)
    clock.now += 1000
    assert signal.works


def test_what_was_rejected_in_part_is_lost() -> None:
    signal = produced(5)
    signal.exported(5, 2)
    assert (signal.accepted, signal.lost()) == (3, 2)


def test_what_has_no_room_to_wait_is_lost_and_stays_so() -> None:
    signal = produced(15, capacity=10)
    assert signal.lost() == 5
    signal.exported(10, 0)
    assert signal.lost() == 5


def test_at_the_end_all_that_did_not_arrive_is_lost() -> None:
    signal = produced(15, capacity=10)
    signal.lost()
    signal.exported(4, 0)
    signal.export_failed(3)
    signal.give_up()
    assert (signal.accepted, signal.lost()) == (4, 11)


def test_what_can_never_be_sent_is_lost_and_makes_no_export_overdue() -> None:
    now = 0.0
    signal = Signal("traces", 7, clock=lambda: now)
    signal.probed(accepted=True)
    signal.unsendable()
    now = 1e6

    assert (signal.produced, signal.lost()) == (1, 1)
    assert signal.works
