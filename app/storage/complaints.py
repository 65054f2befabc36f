"""Say what is wrong while it lasts, but not once for each request that it hits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

INTERVAL = 60.0
"""Seconds between two lines about the same thing, in one worker."""

_MOST_KEPT = 64


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
        # When it was last said, and how often it was kept back since; the oldest first.
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def say(self, message: str, cause: str, level: int = logging.WARNING) -> None:
        """Log `message: cause`; both are our own words, of which there are only so many."""
        unsaid = self._due(message, cause)
        if unsaid == 0:
            self._log.log(level, "%s: %s", message, cause)
        elif unsaid is not None:
            self._log.log(
                level, "%s: %s (%d times more since it was last said)", message, cause, unsaid
            )

    def _due(self, message: str, cause: str) -> int | None:
        """Return how often it was kept back, or None if it has to be kept back now as well."""
        now = self._clock()
        with self._lock:
            said_at, unsaid = self._said.get((message, cause), (float("-inf"), 0))
            if now - said_at < self._interval:
                self._said[message, cause] = (said_at, unsaid + 1)
                return None
            self._said.pop((message, cause), None)
            if len(self._said) >= _MOST_KEPT:
                del self._said[next(iter(self._said))]
            self._said[message, cause] = (now, 0)
            return unsaid
