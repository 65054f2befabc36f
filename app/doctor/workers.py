"""What the running workers say of themselves: those of this machine, and those of every task."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.doctor import comparison
from app.doctor.findings import Finding, Progress, fail, ok, skip, warn
from app.doctor.naming import names
from app.doctor.next_steps import look_at_service, replace_task
from app.doctor.situation import Situation
from app.model.worker_reports import WorkerReport
from app.storage.causes import redis_cause
from app.storage.worker_reports import Aged, ReportFolder, clock, read_published

HERE, TASKS = "workers", "tasks"
ROWS = (HERE, TASKS, *comparison.ROWS)
SILENT = 20.0
"""Seconds without a report, of one every five, after which a worker is taken for frozen."""
_REDIS_WAIT = 0.5


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


def check_workers(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Read the reports and compare them with each other, and with what doctor itself was given."""
    gathered = gather(situation, progress)
    progress.at("comparing reports", "this machine is too busy", "Run doctor once more")
    yield _here(gathered.here, situation)
    yield _tasks(gathered, situation)
    yield from comparison.compare(
        gathered.all, gathered.clock_ahead, situation, beside=bool(gathered.here)
    )


def gather(situation: Situation, progress: Progress) -> Gathered:
    """Read the reports of this machine, then those in Redis."""
    here = ReportFolder(situation.settings.port).living()
    unread, published, ahead = "", list[Aged](), None
    settings = situation.settings.redis
    if settings is None or situation.wrong("REDIS_"):
        unread = "REDIS_ADDR is not set"
    else:
        progress.at("reading reports from Redis", "the row redis says why", "Look at the row redis")
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


def _here(aged: Sequence[Aged], situation: Situation) -> Finding:
    if not aged:
        return skip(HERE, f"none reports on this machine (port {situation.settings.port})")
    silent = [(report, age) for report, age in aged if age > SILENT]
    if silent:
        report, age = silent[0]
        found = f"worker {report.slot} (pid {report.pid}) has not reported for {age:.0f} s"
        cause = "it is frozen, starved of CPU, or its folder in /tmp is full"
        return fail(HERE, found, cause, replace_task(situation, report.task))
    wanted = int(aged[0][0].settings.get("WEB_CONCURRENCY", "1"))
    latest = max(age for _, age in aged)
    found = f"{len(aged)} of {wanted} report, {latest:.0f} s ago"
    if len(aged) < wanted:
        cause = "a worker ended a moment ago, or does not come up: its log knows"
        return warn(HERE, found, cause, "Run doctor again; then look at the service's log")
    return ok(HERE, found)


def _tasks(gathered: Gathered, situation: Situation) -> Finding:
    if gathered.unread:
        return skip(TASKS, f"not compared with other tasks, {gathered.unread}")
    reports = [report for report, _ in gathered.published]
    if not reports:
        if situation.local:
            return skip(TASKS, "none reports")
        cause = "none runs, an older release does, or they use another Redis than doctor"
        then = look_at_service(situation, "[status,runningCount,taskDefinition]")
        return warn(TASKS, "none has reported within a minute", cause, then)
    count = len({report.task for report in reports})
    found = f"{_several(count, 'task')}, {_several(len(reports), 'worker')}"
    versions = sorted({report.version for report in reports})
    if len(versions) > 1:
        each = "; ".join(f"{version} in {names(_of(reports, version))}" for version in versions)
        cause = "a deployment is going on, or was left half way"
        then = look_at_service(situation, "deployments")
        return warn(TASKS, f"{found}, versions apart: {each}", cause, then)
    return ok(TASKS, f"{found}, all of version {versions[0]}")


def _of(reports: Iterable[WorkerReport], version: str) -> list[WorkerReport]:
    return [report for report in reports if report.version == version]


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
