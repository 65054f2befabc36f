"""From when to when, in which steps: days are the caller's days, daylight saving included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.model.visits import SLOT

INTERVALS = ("hour", "day", "week", "month")
MOST_STEPS = 2000
"""Steps of one series; more would be an answer that nobody can read."""


class SpanError(ValueError):
    """The question makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time from `begin` to before `end`, and the moments at which its steps begin.

    Both are whole quarters of an hour: visits are not kept by anything shorter.
    """

    begin: datetime
    end: datetime
    interval: str
    zone: ZoneInfo
    steps: tuple[datetime, ...]
    """In the zone; the first is at `begin` or before, for it is a whole step."""

    newest: date | None = None
    """The day of UTC that it is now, if now is in the span: the newest visits count under it."""

    @property
    def first_day(self) -> date:
        """The first day of UTC that counts: the caller's of this name, or today's in the east."""
        first = self.begin.astimezone(self.zone).date()
        return min(first, self.newest or first)

    @property
    def last_day(self) -> date:
        """The last day of UTC that counts: the caller's of this name, or today's in the west.

        In the evening of Sao Paulo it is tomorrow in UTC, and nothing there is of a later time.
        """
        last = (self.end - timedelta(microseconds=1)).astimezone(self.zone).date()
        return max(last, self.newest or last)


def span(
    begin: str | None, end: str | None, interval: str | None, zone: str | None, now: datetime
) -> Span:
    """Read what a caller asked for: 30 days by days in UTC, if nothing is said.

    `begin` and `end` are dates, of the caller's zone, or moments of RFC 3339; a date as `end` is
    included. Moments are rounded outwards to a quarter of an hour: nothing that was asked for is
    left out. Raises SpanError.
    """
    where = _zone(zone or "UTC")
    step = interval or "day"
    if step not in INTERVALS:
        raise SpanError(f"interval is one of {', '.join(INTERVALS)}")
    today = now.astimezone(where).date()
    until = _moment(end, where, "to", ends=True) if end else _midnight(today + _DAY, where)
    first = until.astimezone(where).date() - 30 * _DAY
    since = _moment(begin, where, "from", ends=False) if begin else _midnight(first, where)
    if since >= until:
        raise SpanError("from is not before to")
    since, until = _rounded(since), _rounded(until, up=True)
    newest = now.astimezone(UTC).date() if since <= now < until else None
    return Span(since, until, step, where, _steps(since, until, step, where), newest)


_DAY = timedelta(days=1)
_QUARTER = timedelta(seconds=SLOT)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(1970, 2200)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise SpanError("tz is not a name of the IANA time zone database") from None


def _moment(text: str, zone: ZoneInfo, name: str, *, ends: bool) -> datetime:
    try:
        if len(text) == len("2026-11-27"):
            day = date.fromisoformat(text)
            _check_year(day, name)
            return _midnight(day + _DAY if ends else day, zone)
        moment = datetime.fromisoformat(text)
        _check_year(moment.date(), name)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except SpanError:
        raise
    except ValueError:
        raise SpanError(f"{name} is neither a date nor a moment of RFC 3339") from None


def _rounded(moment: datetime, *, up: bool = False) -> datetime:
    past = (moment - _EPOCH) % _QUARTER
    return moment - past + (_QUARTER if up and past else timedelta())


def _check_year(day: date, name: str) -> None:
    # No visit is older, and at the ends of the calendar dates overflow.
    if day.year not in _YEARS:
        raise SpanError(f"{name} is not in the years {_YEARS[0]} to {_YEARS[-1]}")


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins; where clocks go forward at midnight, that is at one."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _steps(begin: datetime, end: datetime, interval: str, zone: ZoneInfo) -> tuple[datetime, ...]:
    local = begin.astimezone(zone)
    steps: list[datetime] = []
    if interval == "hour":
        moment = local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        while moment < end:
            steps.append(moment.astimezone(zone))
            _check(steps)
            moment += timedelta(hours=1)
        return tuple(steps)
    day = _first_of(local.date(), interval)
    while (moment := _midnight(day, zone)) < end:
        steps.append(moment.astimezone(zone))
        _check(steps)
        day = _next(day, interval)
    return tuple(steps)


def _check(steps: list[datetime]) -> None:
    if len(steps) > MOST_STEPS:
        raise SpanError(f"more than {MOST_STEPS} steps: take a longer interval or a shorter time")


def _first_of(day: date, interval: str) -> date:
    if interval == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if interval == "month" else day


def _next(day: date, interval: str) -> date:
    if interval == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=7 if interval == "week" else 1)
