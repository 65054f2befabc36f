"""Days are the caller's days, daylight saving included."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.visits.spans import MOST_STEPS, SpanError, span

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_the_last_thirty_days_unless_told_otherwise() -> None:
    asked = span(None, None, None, None, NOW)

    assert (asked.begin, asked.end) == (
        datetime(2026, 10, 29, tzinfo=UTC),
        datetime(2026, 11, 28, tzinfo=UTC),
    )
    assert len(asked.steps) == 30


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Lisbon", "2026-10-25", 25),  # summer time ends
        ("Europe/Lisbon", "2026-03-29", 23),
        ("America/Sao_Paulo", "2018-11-04", 23),  # clocks went forward at midnight
        ("Asia/Kathmandu", "2026-06-01", 24),
        ("Australia/Lord_Howe", "2026-04-05", 25),  # half an hour: the last step is a part
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_show(zone: str, day: str, hours: int) -> None:
    asked = span(day, day, "hour", zone, NOW)

    assert len(asked.steps) == hours
    assert asked.steps[0].astimezone(UTC) == asked.begin


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Kathmandu", "Europe/Lisbon", "UTC"])
@pytest.mark.parametrize("interval", ["day", "week", "month"])
def test_steps_have_no_holes_and_begin_at_midnight(zone: str, interval: str) -> None:
    asked = span("2026-01-01", "2026-12-31", interval, zone, NOW)

    assert asked.steps[0].astimezone(UTC) <= asked.begin
    assert asked.steps == tuple(sorted(set(asked.steps)))
    assert {step.time().isoformat() for step in asked.steps} == {"00:00:00"}
    assert asked.steps[-1] < asked.end.astimezone(ZoneInfo(zone))


def test_moments_are_read_with_any_offset() -> None:
    asked = span("2026-11-01T00:00:00-03:00", "2026-11-02T03:00:00Z", "hour", None, NOW)

    assert asked.begin == datetime(2026, 11, 1, 3, tzinfo=UTC)
    assert asked.end == datetime(2026, 11, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("09:45:01Z", "10:59:59.5Z", ("09:45", "11:00")),
        ("09:45:00Z", "09:45:01Z", ("09:45", "10:00")),
        ("09:59:59.999999Z", "10:00:00Z", ("09:45", "10:00")),
        ("09:45:00Z", "10:00:00Z", ("09:45", "10:00")),
        ("15:31:00+05:45", "15:46:00+05:45", ("09:45", "10:15")),
    ],
)
def test_moments_are_rounded_outwards_to_quarters_of_an_hour(
    begin: str, end: str, expected: tuple[str, str]
) -> None:
    asked = span(f"2026-11-27T{begin}", f"2026-11-27T{end}", "hour", None, NOW)

    assert (f"{asked.begin:%H:%M}", f"{asked.end:%H:%M}") == expected
    assert (asked.begin.second, asked.end.microsecond) == (0, 0)


def test_no_time_at_all_is_not_rounded_to_some() -> None:
    with pytest.raises(SpanError, match="not before"):
        span("2026-11-27T09:50:00Z", "2026-11-27T09:50:00Z", None, None, NOW)


@pytest.mark.parametrize(
    ("begin", "end", "interval", "zone", "why"),
    [
        ("x", None, None, None, "from is neither"),
        (None, "2026-13-01", None, None, "to is neither"),
        ("2026-11-02", "2026-11-01", None, None, "not before"),
        (None, None, "year", None, "interval is one of"),
        (None, None, None, "Mars/Base", "not a name"),
        (None, None, None, "../../etc/passwd", "not a name"),
        (None, None, None, "x\0y", "not a name"),
        ("2020-01-01", "2026-01-01", "hour", None, f"more than {MOST_STEPS}"),
        ("0001-01-01", None, None, "Asia/Kathmandu", "not in the years"),
        (None, "9999-12-31", "month", None, "not in the years"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(
    begin: str | None, end: str | None, interval: str | None, zone: str | None, why: str
) -> None:
    with pytest.raises(SpanError, match=why):
        span(begin, end, interval, zone, NOW)


@pytest.mark.parametrize(
    ("zone", "now", "days"),
    [
        # 22 h in Sao Paulo: the visits of this evening are of the next day in UTC.
        ("America/Sao_Paulo", "2026-11-28T01:00:00+00:00", ("2026-11-27", "2026-11-28")),
        # 8 h in Tokyo: those of this morning are of the day before.
        ("Asia/Tokyo", "2026-11-26T23:00:00+00:00", ("2026-11-26", "2026-11-27")),
        ("UTC", "2026-11-27T12:00:00+00:00", ("2026-11-27", "2026-11-27")),
        # Yesterday is over: nothing of today is its.
        ("America/Sao_Paulo", "2026-11-28T12:00:00+00:00", ("2026-11-27", "2026-11-27")),
    ],
)
def test_what_is_of_now_is_among_the_days_of_utc_that_count(
    zone: str, now: str, days: tuple[str, str]
) -> None:
    asked = span("2026-11-27", "2026-11-27", "day", zone, datetime.fromisoformat(now))

    assert (asked.first_day.isoformat(), asked.last_day.isoformat()) == days
