"""What became of each signal's exports: kept state, read by /healthz and by the reports."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

SLACK = 10.0
"""Seconds by which an export may be late on a busy machine."""
_NEVER = float("inf")


class Signal:
    """Counts of one OpenTelemetry signal (traces or metrics) of this worker.

    `within` so many seconds after an item began to wait, or after the export before where they are
    `periodic`, an export has ended.
    """

    def __init__(
        self,
        name: str,
        within: float,
        *,
        capacity: int | None = None,
        periodic: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self._within = within + SLACK
        self._periodic = periodic
        self._clock = clock
        self._due = _NEVER
        self.capacity = capacity
        """How many items can wait or be under way at once; None: all."""
        self._accepting = False
        self._lock = threading.Lock()
        self.produced = 0
        self.accepted = 0
        self.failed = 0
        self.failed_exports = 0
        self._overflowed = 0

    @property
    def works(self) -> bool:
        """Tell whether the last export was accepted and none is overdue; false before the first."""
        return self._accepting and self._clock() <= self._due

    def probed(self, *, accepted: bool) -> None:
        """Note whether an empty export was accepted."""
        self._accepting = accepted

    def produce(self) -> None:
        """Count one item that is to be exported."""
        with self._lock:
            self.produced += 1
            if self._due == _NEVER:
                self._due = self._clock() + self._within

    def unsendable(self) -> None:
        """Count one item as failed that no export will hold: none is waited for, or the worse."""
        with self._lock:
            self.produced += 1
            self.failed += 1

    def exported(self, items: int, rejected: int) -> None:
        """Count an export that was accepted, but for `rejected` of its items."""
        with self._lock:
            self._accepting = True
            self.accepted += items - rejected
            self.failed += rejected
            self._expect_next()

    def export_failed(self, items: int) -> None:
        """Count an export that was refused or never answered."""
        with self._lock:
            self._accepting = False
            self.failed += items
            self.failed_exports += 1
            self._expect_next()

    def _expect_next(self) -> None:
        # Where exports are not periodic, the next item that waits says when: what an overfull
        # queue dropped is not known here, and is never exported.
        self._due = self._clock() + self._within if self._periodic else _NEVER

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
