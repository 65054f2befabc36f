"""Say what is wrong while it lasts, but not once for each request that it hits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.model.worker_reports import Trouble

INTERVAL = 60.0
"""Seconds between two lines about the same thing, in one worker."""

_MOST_KEPT = 64
_NEVER = float("-inf")


@dataclass(slots=True)
class _Complaint:
    """One message with one cause."""

    said_at: float = _NEVER
    unsaid: int = 0
    """How often it was kept back since."""
    times: int = 0
    happened_at: float = _NEVER


class Complaints:
    """Log the same complaint at once, then once a minute with how often it was kept back."""

    def __init__(
        self,
        log: logging.Logger,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        # The one that was said longest ago comes first.
        self._said: dict[tuple[str, str], _Complaint] = {}

    def say(self, message: str, cause: str, level: int = logging.WARNING) -> None:
        """Log `message: cause`; both are our own words, of which there are only so many."""
        unsaid = self._due(message, cause)
        if unsaid == 0:
            self._log.log(level, "%s: %s", message, cause)
        elif unsaid is not None:
            self._log.log(
                level, "%s: %s (%d times more since it was last said)", message, cause, unsaid
            )

    def note(self, message: str, cause: str) -> None:
        """Remember what need not be logged, for it is logged as what it leads to."""
        with self._lock:
            self._complaint(message, cause)

    def recent(self, seconds: float = INTERVAL) -> tuple[Trouble, ...]:
        """Return what went wrong in the last so many seconds, the latest first."""
        with self._lock:
            now = self._clock()
            found = [
                Trouble(message, cause, kept.times, round(now - kept.happened_at, 1))
                for (message, cause), kept in self._said.items()
                if now - kept.happened_at <= seconds
            ]
        return tuple(sorted(found, key=lambda trouble: trouble.ago))

    def _complaint(self, message: str, cause: str) -> _Complaint:
        """Count it; the one said longest ago makes room."""
        kept = self._said.get((message, cause))
        if kept is None:
            if len(self._said) >= _MOST_KEPT:
                del self._said[next(iter(self._said))]
            kept = self._said[message, cause] = _Complaint()
        kept.times += 1
        kept.happened_at = self._clock()
        return kept

    def _due(self, message: str, cause: str) -> int | None:
        """Return how often it was kept back, or None if it has to be kept back now as well."""
        with self._lock:
            kept = self._complaint(message, cause)
            if kept.happened_at - kept.said_at < self._interval:
                kept.unsaid += 1
                return None
            unsaid, kept.unsaid, kept.said_at = kept.unsaid, 0, kept.happened_at
            self._said[message, cause] = self._said.pop((message, cause))
            return unsaid
