"""How many exports, or parts of imports, run at once in a worker: others need its threads."""

from __future__ import annotations

import threading
import time

from app.model.errors import TransfersBusy

WAIT = 1.0
"""Seconds that one more waits for its turn."""
_WANTED_FOR = 10.0
"""Seconds after which nobody counts as waiting who was refused: most come again."""


class TransferTurns:
    """Let so many in; one more waits for a second and is then refused."""

    def __init__(self, at_once: int) -> None:
        self._turns = threading.BoundedSemaphore(at_once)
        self._wanted_until = float("-inf")

    @property
    def is_wanted(self) -> bool:
        """Tell whether somebody waits for a turn, or was refused one lately."""
        return time.monotonic() < self._wanted_until

    def take(self) -> None:
        """Return with a turn; raise TransfersBusy."""
        if self._turns.acquire(blocking=False):
            return
        self._wanted_until = time.monotonic() + _WANTED_FOR
        if not self._turns.acquire(timeout=WAIT):
            raise TransfersBusy

    def give_back(self) -> None:
        """Let the next one in."""
        self._turns.release()
