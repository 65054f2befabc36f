"""Visits that are counted and not written: why, and the command that ends it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from app.doctor.situation import Options, Situation
from app.doctor.visits import LATE, ROW, judge_visits
from app.model.worker_reports import VisitsState, WorkerReport
from app.reporting import INTERVAL
from app.storage.visits import WRITERS_TURN
from tests.doctor.command import STRONG, examine, said
from tests.doctor.conftest import Environment
from tests.doctor.pasting import paste
from tests.doctor.tasks import await_report
from tests.harness.room import MACHINE
from tests.harness.servers import Database, Databases
from tests.harness.service import Service
from tests.harness.sinks import eventually

WAIT = LATE + INTERVAL + MACHINE


@pytest.fixture(scope="module")
def stuck(databases: Databases) -> Iterator[dict[str, tuple[Service, Database]]]:
    """Run two services whose visits have been waiting for long enough to be worth a word."""
    with ExitStack() as stack:
        world: dict[str, tuple[Service, Database]] = {}
        for name in ("turn", "month"):
            database = stack.enter_context(databases.migrated())
            variables = {**database.environment, "JWT_SECRET": STRONG, "WEB_CONCURRENCY": "1"}
            world[name] = stack.enter_context(Service(variables, fresh=True)), database
        holder = stack.enter_context(closing(world["turn"][1].connect()))
        holder.execute("SELECT pg_advisory_lock(%s)", (WRITERS_TURN,))
        month = datetime.now(UTC).strftime("%Y_%m")
        with world["month"][1].connect() as connection:
            connection.execute(f"DROP TABLE visit_slots_{month}".encode())
        for service, _ in world.values():
            made = requests.post(
                f"{service.url}/api/", json={"url": "https://example.com/"}, timeout=10
            )
            code = made.json()["short_code"]
            for _ in range(3):
                requests.get(f"{service.url}/{code}", allow_redirects=False, timeout=10)
        for service, _ in world.values():
            await_report(
                service.port,
                lambda report: bool(report.visits and report.visits.oldest > LATE),
                wait=WAIT,
            )
        yield world


@pytest.mark.parametrize(
    ("fault", "why", "command"),
    [
        ("turn", "another session has the turn to write", "pg_terminate_backend"),
        ("month", "a month has no table", "look-after-visits"),
    ],
)
def test_what_holds_visits_up_and_what_ends_it(
    stuck: dict[str, tuple[Service, Database]], tmp_path: Path, fault: str, why: str, command: str
) -> None:
    service, database = stuck[fault]
    row = examine(service.environment)[ROW]

    assert row.status == "warn"
    assert row.found.startswith("3 visits waiting for ")
    assert why in row.found
    assert row.advice
    assert command in row.advice.next
    # Pasted as it stands, it helps.
    done = paste(row.advice.next, tmp_path, service.environment)
    assert done.status == 0, done.output
    with database.connect() as connection:
        counted = "SELECT sum(visits + bots) FROM link_counts"
        eventually(lambda: connection.execute(counted.encode()).fetchone() == (3,), MACHINE)
    await_report(service.port, lambda report: bool(report.visits and not report.visits.waiting))
    assert examine(service.environment)[ROW].found == "0 visits waiting to be written"


def _judged(plain: Environment, state: VisitsState | None) -> str:
    report = WorkerReport("task", 1, 2, "1.0.0", "local", 0.0, 8080, visits=state)
    row = judge_visits(ROW, [report], Situation.of(plain, Options()))
    return said(row) or f"{row.status} {row.found}"


def test_what_else_it_says(plain: Environment) -> None:
    assert _judged(plain, None).startswith("skip ")
    assert _judged(plain, VisitsState(1, 1.0)) == "ok 1 visit waiting to be written"
    failed = _judged(plain, VisitsState(upkeep="PostgreSQL refused: the user lacks a privilege"))
    assert failed.startswith("warn look-after-visits failed for ")
    assert "lacks a privilege" in failed
    away = _judged(plain, VisitsState(12_345, 99.0, "the connection was refused"))
    assert "12,345 visits waiting" in away
    assert "the oldest for 99 s: the connection was refused" in away
    assert "pg_stat_activity" in away
