"""Turns: how many requests may be at the database at once."""

from __future__ import annotations

import logging
import threading

from app import metrics
from app.storage.complaints import Complaints

WAIT = 0.25
"""Seconds that a request waits for its turn."""


class Turns:
    """Let `concurrent` requests in; one more waits a quarter of a second and is then refused.

    A slow database would else take every thread away from the redirects that caches answer.
    """

    def __init__(self, concurrent: int, complaints: Complaints) -> None:
        self._turns = threading.BoundedSemaphore(concurrent)
        self._complaints = complaints
        self._lock = threading.Lock()
        self._congested = False
        self.concurrent = concurrent
        self.waiting = 0
        """Requests that wait now."""

    def take(self) -> bool:
        """Return true with a turn, or false: it did not come in time."""
        if self._turns.acquire(blocking=False):
            return True
        # Who waited in vain spares the next ones the wait, until a turn comes back.
        return False if self._congested else self._wait()

    def give_back(self) -> None:
        """Let the next one in."""
        self._congested = False
        self._turns.release()

    def _wait(self) -> bool:
        metrics.record_database_wait("turn")
        self._complaints.say("Requests wait for PostgreSQL", "no turn was free", logging.INFO)
        with self._lock:
            self.waiting += 1
        taken = self._turns.acquire(timeout=WAIT)
        with self._lock:
            self.waiting -= 1
        self._congested = not taken
        return taken
