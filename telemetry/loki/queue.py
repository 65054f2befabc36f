"""A queue of log lines that is bounded by lines and by bytes and never makes its caller wait."""

from __future__ import annotations

import threading
from collections import deque

from telemetry.lines import Line
from telemetry.loki.timestamps import Timestamps

BATCH_LINES = 1000
BATCH_BYTES = 1 << 20
QUEUE_LINES = 20_000
QUEUE_BYTES = 16 << 20


class LineQueue:
    """Lines on their way to Loki; a full queue drops the newest and counts it."""

    def __init__(
        self, slot: int = 0, max_lines: int = QUEUE_LINES, max_bytes: int = QUEUE_BYTES
    ) -> None:
        self._slot = slot
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self.dropped = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything: after a fork the lines are the parent's and the locks unsure."""
        self._lock = threading.RLock()
        self._batch_ready = threading.Event()
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self._inside = False
        self._interrupting: deque[Line] = deque()
        self._timestamps = Timestamps(self._slot)

    def __len__(self) -> int:
        return len(self._lines) + len(self._interrupting)

    def put(self, line: Line) -> bool:
        """Take the line, or drop it if the queue is full; return whether it was taken."""
        with self._lock:
            if self._inside:
                # A signal handler logs in the middle of this thread's own put or take.
                self._interrupting.append(line)
                return True
            self._inside = True
            try:
                return self._put(line)
            finally:
                self._inside = False

    def _put(self, line: Line) -> bool:
        size = len(line.json)
        if len(self._lines) >= self._max_lines or self._bytes + size > self._max_bytes:
            self.dropped += 1
            return False
        line.timestamp = self._timestamps.next()
        self._lines.append(line)
        self._bytes += size
        if self.full_batch:
            self._batch_ready.set()
        return True

    @property
    def full_batch(self) -> bool:
        """Tell whether there is enough for a push without waiting for more."""
        return len(self._lines) >= BATCH_LINES or self._bytes >= BATCH_BYTES

    def wait(self, seconds: float) -> None:
        """Return when a whole batch is there, after `wake`, or after so many seconds."""
        self._batch_ready.wait(seconds)

    def wake(self) -> None:
        """Let `wait` return at once."""
        self._batch_ready.set()

    def take(self) -> list[Line]:
        """Return the oldest lines, at most one batch; [] if there are none."""
        with self._lock:
            self._inside = True
            try:
                return self._take()
            finally:
                self._inside = False

    def _take(self) -> list[Line]:
        while self._interrupting:
            self._put(self._interrupting.popleft())
        batch: list[Line] = []
        size = 0
        while self._lines and len(batch) < BATCH_LINES:
            size += len(self._lines[0].json)
            if batch and size > BATCH_BYTES:
                break
            line = self._lines.popleft()
            self._bytes -= len(line.json)
            batch.append(line)
        if not self.full_batch:
            self._batch_ready.clear()
        return batch
