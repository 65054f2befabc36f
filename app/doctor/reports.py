"""The reports of running workers: read once, beside the checks that need them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.doctor.situation import Situation
from app.model.worker_reports import WorkerReport
from app.storage.causes import redis_cause
from app.storage.worker_reports import Aged, ReportFolder, clock, read_published

_REDIS_WAIT = 0.5
_PATIENCE = 1.5
"""Seconds for reading all; a check has two."""
_SHORT_PATIENCE = 0.4
"""Seconds for a check that only says more with reports than without."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All reports there are."""

    here: Sequence[Aged]
    published: Sequence[Aged]
    unread: str
    """Why nothing could be read from Redis, empty where it could."""
    clock_ahead: float | None
    """Seconds by which this machine's clock is ahead of Redis'."""

    @property
    def all(self) -> list[WorkerReport]:
        """Every worker once, as it was seen last."""
        aged = sorted([*self.published, *self.here], key=lambda each: -each[1])
        merged = {report.name: report for report, _ in aged}
        return sorted(merged.values(), key=lambda report: (report.task, report.slot))


class Gathering(threading.Thread):
    """Reads the reports, which may take as long as Redis takes not to answer."""

    def __init__(self, situation: Situation) -> None:
        super().__init__(name="doctor-reports", daemon=True)
        self._situation = situation
        self._gathered: Gathered | None = None

    def run(self) -> None:
        """Read."""
        self._gathered = _gather(self._situation)

    def result(self, patience: float = _PATIENCE) -> Gathered:
        """Return what there is after so many seconds at most."""
        self.join(patience)
        return self._gathered or Gathered((), (), "Redis: no answer in time", None)

    def tasks(self) -> int | None:
        """Return how many tasks report, None if that is not known."""
        reports = self.result(_SHORT_PATIENCE).published
        return len({report.task for report, _ in reports}) or None


def _gather(situation: Situation) -> Gathered:
    """Read the reports of this machine, then those in Redis."""
    here = ReportFolder(situation.settings.port).living()
    unread, published, ahead = "", list[Aged](), None
    settings = situation.settings.redis
    if settings is None or situation.wrong("REDIS_"):
        unread = "REDIS_ADDR is not set"
    else:
        client = redis.Redis(
            host=settings.host,
            port=settings.port,
            password=settings.password,
            ssl=settings.tls,
            socket_connect_timeout=_REDIS_WAIT,
            socket_timeout=_REDIS_WAIT,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        try:
            published = read_published(client)
            ahead = _ahead(client)
        except (redis.RedisError, OSError) as error:
            unread = f"Redis: {redis_cause(error)}"
        finally:
            client.close()
    return Gathered(here, published, unread, ahead)


def _ahead(client: redis.Redis) -> float:
    before = time.time()
    theirs = clock(client)
    return (before + time.time()) / 2 - theirs
