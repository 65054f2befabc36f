"""When a line was written, as Loki has to be told."""

from __future__ import annotations

import time
from collections.abc import Callable

_SLOTS = 100
_ERAS = 10
_STEP = _SLOTS * _ERAS
"""Nanoseconds between two timestamps of one worker, at least."""
_SET_BACK = 1_000_000_000
"""Nanoseconds. Lines come no faster than the clock goes: what is further behind the last timestamp
is a clock that was set back. Less is waited out; Loki takes lines that are a little ahead."""


class Timestamps:
    """Nanoseconds since the epoch that rise as the clock does and are never the same twice.

    The last digits keep apart what shares a stream: the last two are the worker's slot, the one
    before counts how often the clock was set back. It is followed, since Loki refuses what is more
    than ten minutes ahead and takes lines out of order; but then it passes once more through times
    that were given out already.
    """

    def __init__(self, slot: int, clock: Callable[[], int] = time.time_ns) -> None:
        self._slot = slot % _SLOTS
        self._clock = clock
        self._era = 0
        self._last = 0

    def next(self) -> int:
        """Return the timestamp of a line that is written now; not safe for threads."""
        now = self._clock()
        if now < self._last - _SET_BACK:
            self._era = (self._era + 1) % _ERAS
            self._last = 0
        timestamp = now - now % _STEP + self._era * _SLOTS + self._slot
        if timestamp <= self._last:
            timestamp = self._last + _STEP
        self._last = timestamp
        return timestamp
