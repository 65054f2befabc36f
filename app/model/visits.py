"""Visits: what is kept of one, and what is added up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum

SLOT = 900
"""Seconds in which visits are added up; every offset of a time zone is a multiple of it (IANA)."""
OTHER = "other"
"""The value under which everything counts that does not fit."""
FOLDED = ""
"""The scope under which links count that do not fit: no link has this code."""


class Dimension(IntEnum):
    """What visits are broken down by; the numbers are stored."""

    REFERRER = 1
    BROWSER = 2
    OS = 3
    DEVICE = 4
    COUNTRY = 5
    LANGUAGE = 6
    UTM_SOURCE = 7
    UTM_MEDIUM = 8
    UTM_CAMPAIGN = 9


@dataclass(slots=True)
class Tally:
    """Visits by people, visits by bots, and those of people who scanned a QR code."""

    visits: int = 0
    bots: int = 0
    scans: int = 0

    @property
    def answered(self) -> int:
        """Everything that was answered: people and bots."""
        return self.visits + self.bots


@dataclass(slots=True)
class Counted:
    """Visits added up, to be written at once: bounded by links and values, not by visits."""

    slots: dict[tuple[str, int], Tally] = field(default_factory=dict)
    """By code and number of the slot since the epoch."""
    values: dict[tuple[str, date, int, str], int] = field(default_factory=dict)
    """People by code, day in UTC, dimension and value."""
    visitors: dict[tuple[str, date], set[int]] = field(default_factory=dict)
    """Hashes of 64 bits by code and day in UTC."""
    last: dict[str, datetime] = field(default_factory=dict)
    """The last visit of people by code."""
    hashes: int = 0
    """How many hashes `visitors` holds."""
    since: float = 0.0
    """On the monotonic clock: the oldest of these visits, or 0."""

    def __bool__(self) -> bool:
        return bool(self.slots)

    @property
    def answered(self) -> int:
        """How many visits these are."""
        return sum(tally.answered for tally in self.slots.values())

    def add_visitor(self, code: str, day: date, visitor: int) -> None:
        """Note a visitor of a link on a day."""
        known = self.visitors.setdefault((code, day), set())
        self.hashes -= len(known)
        known.add(visitor)
        self.hashes += len(known)

    def split(self, most: int) -> tuple[Counted, Counted]:
        """Return what of about `most` entries can be written at once, and the rest.

        All that is known of a link stays together.
        """
        if len(self.slots) + len(self.values) + self.hashes <= most:
            return self, Counted()
        weights: dict[str, int] = {}
        for code, _ in self.slots:
            weights[code] = weights.get(code, 0) + 1
        for key in self.values:
            weights[key[0]] = weights.get(key[0], 0) + 1
        for (code, _), hashes in self.visitors.items():
            weights[code] = weights.get(code, 0) + len(hashes)
        first: set[str] = set()
        left = most
        for code, weight in weights.items():
            if first and weight > left:
                break
            first.add(code)
            left -= weight
        return self._only(first, among=True), self._only(first, among=False)

    def _only(self, codes: set[str], *, among: bool) -> Counted:
        part = Counted(
            {key: tally for key, tally in self.slots.items() if (key[0] in codes) is among},
            {key: count for key, count in self.values.items() if (key[0] in codes) is among},
            {key: known for key, known in self.visitors.items() if (key[0] in codes) is among},
            {code: last for code, last in self.last.items() if (code in codes) is among},
            since=self.since,
        )
        part.hashes = sum(map(len, part.visitors.values()))
        return part
