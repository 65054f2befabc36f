"""The one thread that writes visits down: each batch is applied once, whatever happens to it.

A batch keeps its number and its content until PostgreSQL has said that it is written. One whose
answer was lost is sent again under the same number, which the database then knows already.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.model.errors import DatabaseUnavailable
from app.model.visits import Counted
from app.storage.visits import VisitTable
from app.visits import instruments
from app.visits.classifier import Classifier

if TYPE_CHECKING:
    from app.visits.counter import Taken

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two looks at what has come."""
MOST_ROWS = 10_000
"""Entries that one statement writes: far less than its time limit allows."""
_TURN_WAIT = (0.01, 0.1)
"""Seconds, by chance: another worker has the turn, for some milliseconds."""
_COMPLAINT_INTERVAL = 60.0
TURN_TAKEN = "another session has the turn to write"


@dataclass(frozen=True, slots=True)
class Batch:
    """What is being written."""

    counted: Counted
    id: uuid.UUID = field(default_factory=uuid.uuid4)


class Writer:
    """Takes what was counted, and writes it until it is written."""

    def __init__(self, table: VisitTable, take: Callable[[], Taken], classifier: Classifier):
        self._table = table
        self._take = take
        self._classifier = classifier
        self._waiting = Counted()
        self._batch: Batch | None = None
        self._numbers = (0, 0.0)
        """How many visits are classified and not written, and since when: for other threads."""
        self._wake = threading.Event()
        self._deadline: float | None = None
        self._complained_at = float("-inf")
        self.cause = ""
        """Why the last batch was not written, empty after one that was."""
        self._thread = threading.Thread(target=self._run, name="visits-writer", daemon=True)

    def start(self) -> None:
        """Start the thread; call it after the fork."""
        self._thread.start()

    def hurry(self) -> None:
        """Look at once: the table is filling."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Write what is left, within so many seconds, and say what could not be."""
        self._deadline = time.monotonic() + seconds
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        lost = self._take().visits + self._numbers[0]
        if lost:
            instruments.record_written(lost, "lost")
            log.error("Visits were lost: they could not be written", extra={"visits": lost})

    def statistics(self, visits: int, since: float) -> Mapping[str, float]:
        """Return how many visits wait, those that are not taken yet included, and since when."""
        waiting, oldest = self._numbers
        begun = [moment for moment in (since, oldest) if moment]
        return {
            "waiting": visits + waiting,
            "age": time.monotonic() - min(begun) if begun else 0.0,
        }

    def _run(self) -> None:
        while self._deadline is None:
            self._wake.wait(INTERVAL)
            self._wake.clear()
            self._collect()
            while self._write() and self._deadline is None:
                pass
        while time.monotonic() < self._deadline:
            self._collect()
            if not self._write() and not self._batch and not self._waiting:
                return

    def _collect(self) -> None:
        taken = self._take()
        if not taken.visits:
            return
        # Counted as waiting before they leave one table for the other: never in neither.
        self._note(taken.visits, taken.since)
        self._waiting.since = self._waiting.since or taken.since
        try:
            self._classifier.add(taken, self._waiting, datetime.now(UTC))
        except Exception:
            log.exception("Visits could not be classified")
        self._note()

    def _write(self) -> bool:
        """Write one batch; tell whether there may be another."""
        if self._batch is None and self._waiting:
            first, self._waiting = self._waiting.split(MOST_ROWS)
            self._batch = Batch(first)
        if self._batch is None:
            return False
        try:
            written = self._table.write(self._batch.id, self._batch.counted)
        except Exception as error:  # noqa: BLE001  # this thread must outlive whatever it meets
            self._complain(error)
            self._pause(INTERVAL)
            return False
        if not written:
            self.cause = TURN_TAKEN
            self._pause(random.uniform(*_TURN_WAIT))  # noqa: S311  # spreads workers out
            return True
        instruments.record_written(self._batch.counted.answered)
        self.cause = ""
        self._batch = None
        self._note()
        return bool(self._waiting)

    def _pause(self, seconds: float) -> None:
        """Wait a little; when stopping, for as long as there is time."""
        if self._deadline is not None:
            time.sleep(min(seconds, 0.1, max(0.0, self._deadline - time.monotonic())))
        else:
            self._wake.wait(seconds)

    def _note(self, more: int = 0, since: float = 0.0) -> None:
        parts = [self._waiting] + ([self._batch.counted] if self._batch else [])
        begun = [part.since for part in parts if part and part.since] + ([since] if since else [])
        self._numbers = (
            more + sum(part.answered for part in parts),
            min(begun) if begun else 0.0,
        )

    def _complain(self, error: Exception) -> None:
        away = error.reason if isinstance(error, DatabaseUnavailable) else None
        self.cause = away or "a fault of the service: its log has the stack"
        now = time.monotonic()
        if now - self._complained_at < _COMPLAINT_INTERVAL:
            return
        self._complained_at = now
        waiting: dict[str, object] = {"visits": self._numbers[0]}
        if away:
            waiting["cause"] = self.cause
            log.warning("Visits wait: PostgreSQL does not take them", extra=waiting)
        else:
            log.error("Visits wait: they cannot be written", extra=waiting, exc_info=error)
