"""Count visits in the process: one addition under a lock is all that a request pays."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app import agents
from app.model.visits import FOLDED, SLOT
from app.model.worker_reports import VisitsState
from app.storage.visits import VisitTable
from app.visitors import prefetches
from app.visits import instruments, sources
from app.visits.classifier import Classifier
from app.visits.settings import VisitSettings
from app.visits.writer import Writer

MOST_SEEN = 20_000
"""Different visits between two looks of the writer; more are counted for their link alone."""


class Seen(NamedTuple):
    """What one visit looked like; equal ones are added up. It lives for about a second."""

    code: str
    slot: int
    user_agent: str
    referrer: str
    languages: str
    country: str
    query: str
    """What is read of it."""
    address: str | None
    """None: nobody wants to know."""
    tracked: bool


@dataclass(slots=True)
class Taken:
    """What was counted between two looks."""

    seen: dict[Seen, int] = field(default_factory=dict)
    crowded: dict[tuple[str, int], int] = field(default_factory=dict)
    """By code and slot: what came while `seen` was full."""
    since: float = 0.0
    """On the monotonic clock: the first of them."""

    @property
    def visits(self) -> int:
        """How many these are."""
        return sum(self.seen.values()) + sum(self.crowded.values())


class Visits:
    """Counts visits and has them written; every method may be called by any thread."""

    def __init__(self, table: VisitTable, settings: VisitSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._taken = Taken()
        self._writer = Writer(table, self.take, Classifier(table, settings))
        instruments.observe_waiting(self.statistics)

    def start(self) -> None:
        """Begin to write; call it after the fork."""
        self._writer.start()

    def stop(self, seconds: float = 2.5) -> None:
        """Write what is counted within so many seconds; what is left is said in the log."""
        self._writer.stop(seconds)

    def record(self, code: str, environ: Mapping[str, Any]) -> None:
        """Count the visit that is being answered; nothing here waits for anything."""
        if prefetches(environ):
            return
        get, settings = environ.get, self._settings
        country_key = settings.countries.key
        tracked = settings.track_visitors and not sources.wants_no_tracking(environ)
        # A plain tuple is equal to a Seen of the same values, and made in a fifth of the time.
        seen: Any = (
            code,
            int(time.time()) // SLOT,
            get("HTTP_USER_AGENT", "")[: agents.LONGEST],
            get("HTTP_REFERER", "")[: sources.LONGEST_REFERRER],
            get("HTTP_ACCEPT_LANGUAGE", "")[: sources.LONGEST_LANGUAGES],
            get(country_key, "")[:8] if country_key else "",
            sources.parameters(get("QUERY_STRING", "")),
            get("REMOTE_ADDR") if tracked or settings.countries.by_address else None,
            tracked,
        )
        with self._lock:
            taken = self._taken
            count = taken.seen.get(seen, 0)
            if count or len(taken.seen) < MOST_SEEN:
                taken.seen[seen] = count + 1
            else:
                place = (seen[0] if len(taken.crowded) < MOST_SEEN else FOLDED, seen[1])
                taken.crowded[place] = taken.crowded.get(place, 0) + 1
            if not taken.since:
                taken.since = time.monotonic()
            crowding = not count and len(taken.seen) == MOST_SEEN // 2
        if crowding:
            self._writer.hurry()

    def take(self) -> Taken:
        """Return what was counted since the last call, for the writer."""
        with self._lock:
            taken, self._taken = self._taken, Taken()
        return taken

    def statistics(self) -> Mapping[str, float]:
        """Return what `instruments.observe_waiting` wants: how many wait, and since when."""
        with self._lock:
            visits, since = self._taken.visits, self._taken.since
        return self._writer.statistics(visits, since)

    def state(self) -> VisitsState:
        """Return what a worker's report says of its visits."""
        numbers = self.statistics()
        return VisitsState(int(numbers["waiting"]), numbers["age"], self._writer.cause)
