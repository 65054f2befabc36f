"""Services that take themselves for tasks of ECS, and what they have reported."""

from collections.abc import Callable

from app.model.worker_reports import WorkerReport
from app.storage.worker_reports import ReportFolder, read_published
from tests.doctor.command import STRONG
from tests.harness.servers import Valkey
from tests.harness.sinks import eventually

A, B = "a1" * 16, "b2" * 16
SHORT = {A: A[:8], B: B[:8]}
PRODUCTION = {
    "ENV": "production",
    "JWT_SECRET": STRONG,
    "POSTGRES_SSLMODE": "disable",
    "SHUTDOWN_DELAY": "0",
    "WEB_CONCURRENCY": "1",
}


def task(name: str, **more: str) -> dict[str, str]:
    """Return the variables of one task."""
    arn = f"arn:aws:ecs:sa-east-1:123456789012:task/tinyurl-prod/{name}"
    return {**PRODUCTION, "TASK_ARN": arn, **more}


def await_report(
    port: int,
    holds: Callable[[WorkerReport], bool] = lambda _report: True,
    workers: int = 1,
    *,
    wait: float = 20.0,
) -> list[WorkerReport]:
    """Wait until every worker of a port has left a report of which something is true."""

    def found() -> list[WorkerReport]:
        reports = [report for report, _ in ReportFolder(port).living()]
        return reports if len(reports) == workers and all(map(holds, reports)) else []

    reports: list[WorkerReport] = eventually(found, wait)
    return reports


def await_published(valkey: Valkey, *tasks: str) -> None:
    """Wait until these tasks, and no others, are in Redis."""
    with valkey.connect() as client:
        eventually(lambda: {report.task for report, _ in read_published(client)} == set(tasks))
