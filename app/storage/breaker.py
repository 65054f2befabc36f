"""A circuit breaker: stop asking a dependency that does not answer, and notice when it does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from app.model.worker_reports import DependencyState
from app.storage.complaints import INTERVAL, Complaints

log = logging.getLogger(__name__)


class CircuitBreaker:
    """Open after a failure; closed again by a probe in the background.

    No request ever pays for finding out whether the dependency is back: a daemon thread, alive
    only while the breaker is open, calls `probe` every `interval` seconds and closes the breaker
    when it returns without an exception. `probe` must bound its own time; `describe` says in our
    own words what its exception means. The cause is logged at once and then every `reminder`
    seconds: who looks at the last quarter of an hour has to see why.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], object],
        interval: float,
        *,
        describe: Callable[[Exception], str],
        reminder: float = INTERVAL,
    ) -> None:
        self._name = name
        self._probe = probe
        self._interval = interval
        self._describe = describe
        self._reminder = reminder
        self._open = threading.Event()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.cause = ""
        """Why it is open, or was last."""
        self._opened_at = 0.0

    @property
    def is_open(self) -> bool:
        """Tell whether the dependency must not be asked."""
        return self._open.is_set()

    def failed(self, cause: str) -> None:
        """Open the breaker; `cause` goes to the log, in our own words."""
        with self._lock:
            if self._open.is_set() or self._stopped.is_set():
                return
            self.cause = cause
            self._opened_at = time.monotonic()
            self._open.set()
        log.warning("%s is away: %s", self._name, cause)
        threading.Thread(
            target=self._watch, name=f"{self._name.lower()}-probe", daemon=True
        ).start()

    def state(self, complaints: Complaints) -> DependencyState:
        """Return how it stands with the dependency, with what went wrong lately."""
        away_for = time.monotonic() - self._opened_at if self.is_open else None
        return DependencyState(away_for, self.cause, complaints.recent())

    def stop(self) -> None:
        """End the probing; what is asked afterwards is asked directly."""
        self._stopped.set()

    def _watch(self) -> None:
        opened = said = time.monotonic()
        while not self._stopped.wait(self._interval):
            if self._succeeds():
                self._open.clear()
                log.warning("%s is back", self._name)
                return
            now = time.monotonic()
            if now - said >= self._reminder:
                said = now
                log.warning("%s is away: %s, for %.0f s", self._name, self.cause, now - opened)

    def _succeeds(self) -> bool:
        try:
            self._probe()
        except Exception as error:  # noqa: BLE001 - whatever keeps the probe from succeeding
            self.cause = self._describe(error)
            return False
        return True
