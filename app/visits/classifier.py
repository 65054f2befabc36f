"""Work out who came, and add it up: what is kept of a visit is decided here.

Addresses, user agents, whole referrers and queries go in; counts and a keyed hash come out.
"""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from app.agents import agent as read_agent
from app.model.errors import ServiceError
from app.model.visits import FOLDED, OTHER, SLOT, Counted, Dimension, Tally
from app.storage.visits import VisitTable
from app.visits import instruments, sources
from app.visits.settings import VisitSettings

if TYPE_CHECKING:
    from app.visits.counter import Seen, Taken

MOST_SLOTS = 50_000
MOST_VALUES = 50_000
MOST_VISITORS = 200_000
"""Entries that may wait while PostgreSQL is away; what does not fit is counted as other."""


class Classifier:
    """Adds what was seen to what is written; used by one thread."""

    def __init__(self, table: VisitTable, settings: VisitSettings) -> None:
        self._table = table
        self._settings = settings
        self._salts: dict[date, bytes] = {}

    def add(self, taken: Taken, counted: Counted, now: datetime) -> None:
        """Add everything that was taken to what is counted; `now` is in UTC."""
        self._learn_salts(now.date())
        for seen, count in taken.seen.items():
            self._add(seen, count, counted, now)
        for (code, slot), count in taken.crowded.items():
            # Nobody knows any more who these were.
            instruments.record_folded("values", count)
            instruments.record_visits("person", count)
            _tally(counted, code, slot, count).visits += count
            counted.last[code] = now

    def _add(self, seen: Seen, count: int, counted: Counted, now: datetime) -> None:
        code, slot, user_agent, referrer, languages, country, query, address, tracked = seen
        agent = read_agent(user_agent)
        tally = _tally(counted, code, slot, count)
        if agent.bot:
            tally.bots += count
            instruments.record_visits("bot", count)
            return
        instruments.record_visits("person", count)
        source, medium, campaign, scanned = sources.campaign(query)
        tally.visits += count
        tally.scans += count if scanned else 0
        if (code, slot) in counted.slots:
            counted.last[code] = now
        day = datetime.fromtimestamp(slot * SLOT, UTC).date()
        values = (
            (Dimension.REFERRER, self._referrer(referrer)),
            (Dimension.BROWSER, agent.browser),
            (Dimension.OS, agent.os),
            (Dimension.DEVICE, agent.device),
            (Dimension.COUNTRY, self._country(country, address)),
            (Dimension.LANGUAGE, sources.language(languages)),
            (Dimension.UTM_SOURCE, source),
            (Dimension.UTM_MEDIUM, medium),
            (Dimension.UTM_CAMPAIGN, campaign),
        )
        for dimension, value in values:
            if value is not None:
                _add_value(counted, (code, day, int(dimension), value), count)
        if tracked and address:
            self._add_visitor(counted, code, day, f"{address}\n{user_agent}")

    def _referrer(self, referrer: str) -> str | None:
        host = sources.referring_host(referrer) if referrer else None
        return None if host in self._settings.own_hosts else host

    def _country(self, told: str, address: str | None) -> str | None:
        countries = self._settings.countries
        if countries.key:
            return countries({countries.key: told}) if told else None
        return countries({"REMOTE_ADDR": address}) if address else None

    def _add_visitor(self, counted: Counted, code: str, day: date, who: str) -> None:
        salt = self._salts.get(day)
        if salt is None or counted.hashes >= MOST_VISITORS:
            instruments.record_folded("visitors", 1)
            return
        digest = hashlib.blake2b(who.encode(errors="replace"), digest_size=8, key=salt).digest()
        counted.add_visitor(code, day, int.from_bytes(digest, "big"))

    def _learn_salts(self, today: date) -> None:
        """Keep the salts of a day and those beside it; PostgreSQL has them for all workers."""
        if today + timedelta(days=1) in self._salts or not self._settings.track_visitors:
            return
        # While PostgreSQL is away the ones of before still tell today's visitors apart.
        with contextlib.suppress(ServiceError):
            self._salts = self._table.salts(today)


def _tally(counted: Counted, code: str, slot: int, count: int) -> Tally:
    tally = counted.slots.get((code, slot))
    if tally is None and len(counted.slots) >= MOST_SLOTS:
        instruments.record_folded("links", count)
        code = FOLDED
    return counted.slots.setdefault((code, slot), Tally())


def _add_value(counted: Counted, key: tuple[str, date, int, str], count: int) -> None:
    values = counted.values
    if key not in values and len(values) >= MOST_VALUES:
        instruments.record_folded("values", count)
        key = (FOLDED, key[1], key[2], OTHER)
    values[key] = values.get(key, 0) + count
