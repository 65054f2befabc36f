"""What the running workers say of themselves: those of this machine, and those of every task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from app.doctor import comparison
from app.doctor.findings import Finding, Progress, fail, ok, skip, warn
from app.doctor.naming import names, several
from app.doctor.next_steps import look_at_service, replace_task
from app.doctor.reports import Gathered, Gathering
from app.doctor.situation import Situation
from app.model.worker_reports import WorkerReport
from app.storage.worker_reports import Aged

HERE, TASKS = "workers", "tasks"
ROWS = (HERE, TASKS, *comparison.ROWS)
SILENT = 20.0
"""Seconds without a report, of one every five, after which a worker is taken for frozen."""


def check_workers(
    situation: Situation, gathering: Gathering, progress: Progress
) -> Iterator[Finding]:
    """Read the reports and compare them with each other, and with what doctor itself was given."""
    progress.at("reading reports from Redis", "the row redis says why", "Look at the row redis")
    gathered = gathering.result()
    progress.at("comparing reports", "this machine is too busy", "Run doctor once more")
    yield _here(gathered.here, situation)
    yield _tasks(gathered, situation)
    yield from comparison.compare(
        gathered.all, gathered.clock_ahead, situation, beside=bool(gathered.here)
    )


def _here(aged: Sequence[Aged], situation: Situation) -> Finding:
    unusable = situation.unusable(HERE, "PORT")
    if unusable:
        return unusable
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
    found = f"{several(count, 'task')}, {several(len(reports), 'worker')}"
    versions = sorted({report.version for report in reports})
    if len(versions) > 1:
        each = "; ".join(f"{version} in {names(_of(reports, version))}" for version in versions)
        cause = "a deployment is going on, or was left half way"
        then = look_at_service(situation, "deployments")
        return warn(TASKS, f"{found}, versions apart: {each}", cause, then)
    return ok(TASKS, f"{found}, all of version {versions[0]}")


def _of(reports: Iterable[WorkerReport], version: str) -> list[WorkerReport]:
    return [report for report in reports if report.version == version]
