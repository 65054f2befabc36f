"""A circuit breaker: stop asking a dependency that does not answer, and notice when it does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class CircuitBreaker:
    """Open after a failure; closed again by a probe in the background.

    No request ever pays for finding out whether the dependency is back: a daemon thread, alive
    only while the breaker is open, calls `probe` every `interval` seconds and closes the breaker
    when it returns without an exception. `probe` must bound its own time.
    """

    def __init__(self, name: str, probe: Callable[[], object], interval: float) -> None:
        self._name = name
        self._probe = probe
        self._interval = interval
        self._open = threading.Event()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @property
    def is_open(self) -> bool:
        """Tell whether the dependency must not be asked."""
        return self._open.is_set()

    def failed(self, cause: str) -> None:
        """Open the breaker; `cause` goes to the log once, in our own words."""
        with self._lock:
            if self._open.is_set() or self._stopped.is_set():
                return
            self._open.set()
        log.warning("%s is away: %s", self._name, cause)
        threading.Thread(
            target=self._watch, name=f"{self._name.lower()}-probe", daemon=True
        ).start()

    def stop(self) -> None:
        """End the probing; what is asked afterwards is asked directly."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(self._interval):
            if self._succeeds():
                self._open.clear()
                log.warning("%s is back", self._name)
                return

    def _succeeds(self) -> bool:
        try:
            self._probe()
        except Exception:  # noqa: BLE001 - whatever keeps the probe from succeeding
            return False
        return True
