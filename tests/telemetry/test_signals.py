"""Kept state of a signal: every item ends as accepted or lost."""

from telemetry.signals import Signal


def produced(count: int, capacity: int | None = None) -> Signal:
    """Return a signal that has produced so many items."""
    signal = Signal("traces", capacity)
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
