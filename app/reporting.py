"""A worker's reports of itself: every few seconds, from a thread that no request waits for."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

import msgspec
from opentelemetry.context import attach, set_value

from app.model.worker_reports import WorkerReport
from app.storage import worker_reports
from app.storage.redis import Redis, RedisAway
from app.storage.worker_reports import ReportFolder

log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds."""
_LATELY = 60.0
# What OpenTelemetry's instrumentations look for: no request asked, so there is nothing to trace.
_NOT_TRACED = ("suppress_instrumentation", True)

Collect = Callable[[int], tuple[WorkerReport, int]]
"""Returns the report of a slot, and how many lines standard output did not take so far."""


class Reporter:
    """Leaves a report on this machine and in Redis; see app/storage/worker_reports.py."""

    def __init__(
        self,
        collect: Collect,
        fingerprints: Callable[[], Mapping[str, str]],
        folder: ReportFolder,
        redis: Redis | None,
        interval: float = INTERVAL,
    ) -> None:
        self._collect = collect
        self._fingerprints = fingerprints
        self._folder = folder
        self._redis = redis
        self._interval = interval
        self._secrets: dict[str, str] = {}
        # How many lines had not been written at each moment of the last minute.
        self._unwritten: deque[tuple[float, int]] = deque()
        self._complained = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._slot = 0

    def start(self, slot: int) -> None:
        """Begin to report as the worker of this slot."""
        self._slot = slot
        self._thread = threading.Thread(target=self._run, name="worker-reports", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take the reports away: the worker ends."""
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join(1.0)
        self._folder.remove(self._slot)

    def _run(self) -> None:
        attach(set_value(*_NOT_TRACED))
        name = ""
        while True:
            try:
                name = self._report()
            except Exception:
                # A fault in here must not be the end of what would tell of others.
                log.exception("A worker's report failed")
            if self._stopping.wait(self._interval):
                break
        if self._redis is not None and name:
            with contextlib.suppress(RedisAway):
                self._redis.ask(lambda client: worker_reports.withdraw(client, name))

    def _report(self) -> str:
        # Slow on purpose, so not before the first request could be served.
        self._secrets = self._secrets or dict(self._fingerprints())
        report, unwritten = self._collect(self._slot)
        report = msgspec.structs.replace(
            report,
            secrets=self._secrets,
            stdout_unwritten=self._lately(unwritten),
            clock_ahead=self._clock_ahead(),
        )
        if self._redis is not None:
            with contextlib.suppress(RedisAway):
                self._redis.ask(lambda client: worker_reports.publish(client, report))
        try:
            self._folder.write(report)
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.warning("doctor cannot look into this worker: %s", type(error).__name__)
        return report.name

    def _lately(self, unwritten: int) -> int:
        now = time.monotonic()
        self._unwritten.append((now, unwritten))
        while now - self._unwritten[0][0] > _LATELY:
            self._unwritten.popleft()
        return unwritten - self._unwritten[0][1]

    def _clock_ahead(self) -> float | None:
        if self._redis is None:
            return None
        before = time.time()
        try:
            theirs = self._redis.ask(worker_reports.clock)
        except RedisAway:
            return None
        return (before + time.time()) / 2 - theirs
