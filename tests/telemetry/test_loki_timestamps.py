"""The timestamps of lines at Loki, under a clock that does what clocks do."""

from hypothesis import given
from hypothesis import strategies as st

from telemetry.loki.timestamps import Timestamps

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOW = 1_764_000_000 * SECOND
AHEAD = 2 * SECOND
"""What Loki and everybody else takes for now."""


class Clock:
    """A clock that can be set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def test_a_clock_that_is_set_back_is_followed() -> None:
    clock = Clock()
    timestamps = Timestamps(0, clock)
    for step in (0, HOUR, -HOUR, 12 * HOUR, -2 * HOUR, -10 * HOUR):
        clock.now += step
        for _ in range(100):
            clock.now += 1_000_000
            assert 0 <= abs(timestamps.next() - clock.now) < AHEAD


def test_no_timestamp_comes_twice_though_the_time_does() -> None:
    clock = Clock()
    timestamps = [Timestamps(slot, clock) for slot in range(4)]
    given_out = []
    for _ in range(5):
        clock.now = NOW
        for _ in range(200):
            clock.now += 300  # quicker than a timestamp's step
            given_out += [each.next() for each in timestamps]
        clock.now += HOUR
        given_out += [each.next() for each in timestamps]
    assert len(set(given_out)) == len(given_out)


@given(st.lists(st.integers(-SECOND // 2, SECOND), max_size=50))
def test_a_clock_that_is_corrected_a_little_leaves_them_rising(steps: list[int]) -> None:
    clock = Clock()
    timestamps = Timestamps(7, clock)
    found: list[int] = []
    for step in steps:
        clock.now = max(clock.now + step, NOW, max(found, default=NOW) - SECOND // 2)
        found.append(timestamps.next())
    assert found == sorted(set(found))
    assert {timestamp % 100 for timestamp in found} <= {7}


@given(st.lists(st.integers(-5 * HOUR, 5 * HOUR), max_size=50))
def test_no_step_leaves_them_ahead(steps: list[int]) -> None:
    clock = Clock()
    timestamps = Timestamps(0, clock)
    for step in steps:
        clock.now = max(clock.now + step, NOW)
        assert abs(timestamps.next() - clock.now) < AHEAD
