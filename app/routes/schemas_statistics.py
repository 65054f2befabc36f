"""What the statistics look like over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Local = Annotated[datetime, Meta(tz=True, description="RFC 3339, in the time zone asked for")]
Count = Annotated[int, Meta(ge=0)]
Visitors = Annotated[
    int, Meta(ge=0, description="Visitors told apart by days of UTC, within 3 % at 100,000")
]


class TotalsAnswer(msgspec.Struct, frozen=True):
    """What the series adds up to; `scans` are among the visits, bots are not."""

    visits: Count
    visitors: Visitors
    bots: Count
    scans: Count


class StepAnswer(msgspec.Struct, frozen=True):
    """One step of the series, from its begin to that of the next."""

    at: Local
    visits: Count
    visitors: Visitors | None
    """None for hours."""
    bots: Count
    scans: Count


class ValueAnswer(msgspec.Struct, frozen=True):
    """How many visits had a value; `other` is everything behind the twenty most frequent."""

    value: str
    visits: Count


class StatisticsAnswer(msgspec.Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    """What was visited in a time; breakdowns are kept by days of UTC."""

    begin: Local
    end: Local
    interval: Literal["hour", "day", "week", "month"]
    tz: str
    totals: TotalsAnswer
    series: list[StepAnswer]
    breakdowns: dict[str, list[ValueAnswer]]
