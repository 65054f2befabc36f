"""What became of each signal's exports: kept state, read by /healthz and by the reports."""

from __future__ import annotations

import threading


class Signal:
    """Counts of one OpenTelemetry signal (traces or metrics) of this worker."""

    def __init__(self, name: str, capacity: int | None = None) -> None:
        self.name = name
        self.capacity = capacity
        """How many items can wait or be under way at once; None: all."""
        self.works = False
        """The last export was accepted; false before the first."""
        self._lock = threading.Lock()
        self.produced = 0
        self.accepted = 0
        self.failed = 0
        self.failed_exports = 0
        self._overflowed = 0

    def produce(self) -> None:
        """Count one item that is to be exported."""
        with self._lock:
            self.produced += 1

    def exported(self, items: int, rejected: int) -> None:
        """Count an export that was accepted, but for `rejected` of its items."""
        with self._lock:
            self.works = True
            self.accepted += items - rejected
            self.failed += rejected

    def export_failed(self, items: int) -> None:
        """Count an export that was refused or never answered."""
        with self._lock:
            self.works = False
            self.failed += items
            self.failed_exports += 1

    def lost(self) -> int:
        """Count what will not arrive: failed exports, and what an overfull queue dropped.

        The SDK drops without a word; what is neither accounted for nor has room to wait is gone.
        """
        with self._lock:
            pending = self.produced - self.accepted - self.failed
            if self.capacity is not None:
                self._overflowed = max(self._overflowed, pending - self.capacity)
            return self.failed + self._overflowed

    def give_up(self) -> None:
        """Count as failed whatever was produced and has not arrived: no more will be sent."""
        with self._lock:
            self.failed = max(self.failed, self.produced - self.accepted)
            self._overflowed = 0
