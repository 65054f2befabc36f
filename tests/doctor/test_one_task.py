"""One task of two is in trouble of its own: a password, its Redis, a worker that does not move."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from app.doctor.findings import Finding
from app.model.worker_reports import WorkerReport
from app.storage.worker_reports import ReportFolder, publish
from local.ports import free_port
from tests.conftest import StartService
from tests.doctor.command import STRONG, doctor, examine, said
from tests.doctor.conftest import Environment
from tests.doctor.tasks import SHORT, A, B, await_published, await_report, task
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

ROLL = "aws ecs update-service --cluster tinyurl-prod --service shortener --force-new-deployment"
OLD, NEW = "old-" + STRONG, "new-" + STRONG


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Valkey]:
    """Run a Valkey in which no other test's workers have reported."""
    with Valkey(tmp_path / "cache") as server:
        yield server


@pytest.fixture
def stores(database: Database, cache: Valkey) -> Environment:
    """Return what tasks share."""
    return {**database.environment, **cache.environment()}


@contextmanager
def _role(database: Database) -> Iterator[Environment]:
    name = f"rotating_{database.name}"
    with database.connect() as connection:
        connection.execute(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{OLD}'".encode())
        try:
            yield {"POSTGRES_USER": name, "POSTGRES_PASSWORD": OLD}
        finally:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (name,)
            )
            connection.execute(f"DROP ROLE {name}".encode())


def _rotate(database: Database, role: str) -> None:
    with database.connect() as connection:
        connection.execute(f"ALTER ROLE {role} PASSWORD '{NEW}'".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (role,)
        )


def _create(service: Service) -> int:
    body = {"url": "https://example.com/"}
    return requests.post(f"{service.url}/api/", json=body, timeout=20).status_code


def _next(row: Finding) -> str:
    assert row.advice is not None
    return row.advice.next


def test_a_password_that_was_rotated_and_one_task_that_has_the_old_one(
    stores: Environment, database: Database, cache: Valkey, start_service: StartService
) -> None:
    with _role(database) as old:
        new = {**old, "POSTGRES_PASSWORD": NEW}
        a = start_service({**stores, **task(A, **old)})
        await_report(a.port)
        _rotate(database, old["POSTGRES_USER"])
        b = start_service({**stores, **task(B, **new)})
        assert (_create(a), _create(b)) == (503, 201)
        await_report(a.port, lambda report: bool(report.postgresql.troubles))
        await_published(cache, A, B)
        one_off = {**b.environment, "PORT": str(free_port()), "TASK_ARN": ""}

        fresh = examine(one_off)
        inside = examine(a.environment)

    # As a task of its own doctor has the secrets of now.
    assert fresh["postgresql"].status == "warn"  # no TLS
    assert f"PostgreSQL for 1 of 2 workers ({SHORT[A]})" in fresh["dependencies"].found
    assert "the user or the password was refused" in fresh["dependencies"].found
    assert fresh["same secrets"].found == f"POSTGRES_PASSWORD differs: {SHORT[A]} | {SHORT[B]}"
    assert _next(fresh["dependencies"]) == _next(fresh["same secrets"]) == ROLL
    # Beside the service it has the old ones, and sends for a doctor with new ones.
    assert "rotated after this task had started" in said(inside["postgresql"])
    assert _next(inside["postgresql"]).startswith("aws ecs run-task ")
    assert '"command": ["doctor"]' in _next(inside["postgresql"])


def test_a_password_that_is_new_only_to_doctor(
    stores: Environment, database: Database, cache: Valkey, start_service: StartService
) -> None:
    with _role(database) as old:
        a = start_service({**stores, **task(A, **old)})
        await_published(cache, A)
        one_off = {**a.environment, "PORT": str(free_port()), "POSTGRES_PASSWORD": NEW}

        refused = examine(one_off)
        _rotate(database, old["POSTGRES_USER"])
        taken = examine(one_off)

    # The secret was changed and the role was not: new tasks could not connect either.
    assert _next(refused["postgresql"]).startswith(
        "Give the server and the secret the same password"
    )
    assert "every worker is another than doctor's" in taken["same secrets"].found
    assert _next(taken["same secrets"]) == ROLL


def test_a_task_whose_redis_alone_is_away(
    stores: Environment, cache: Valkey, start_service: StartService
) -> None:
    lost = {"REDIS_ADDR": f"127.0.0.1:{free_port()}"}
    a = start_service({**stores, **task(A, **lost)})
    assert _create(a) == 201
    await_report(a.port, lambda report: report.redis is not None and bool(report.redis.cause))
    elsewhere = WorkerReport(B, 0, 1, "1.0.0", "production", 0.0, 8080, address="10.0.0.2")
    with cache.connect() as client:
        publish(client, elsewhere)

    one_off = examine({**stores, **task(B), "PORT": str(free_port())})
    inside = examine({**a.environment})

    # It reports to nobody, but its connections are seen.
    assert one_off["clients"].found == "127.0.0.1 holds connections of the service, reports nothing"
    assert "describe-tasks" in _next(one_off["clients"])
    assert "Redis for the one worker" in inside["dependencies"].found
    assert inside["dependencies"].status == "warn"


def test_a_worker_that_does_not_move(
    stores: Environment, start_service: StartService, tmp_path: Path
) -> None:
    service = start_service({**stores, **task(A)})
    await_report(service.port)
    (worker,) = service.workers
    os.kill(worker, signal.SIGSTOP)
    try:
        file = Path(f"/tmp/shortener-{service.port}/worker-0.json")
        os.utime(file, (file.stat().st_atime - 60, file.stat().st_mtime - 60))
        outcome = doctor(service.environment, "--json", cwd=tmp_path)
    finally:
        os.kill(worker, signal.SIGCONT)

    row = outcome.rows["workers"]
    assert f"worker 0 (pid {worker}) has not reported for " in row["found"]
    assert row["next"] == f"aws ecs stop-task --cluster tinyurl-prod --task {A} --reason doctor"
    assert outcome.rows["service /healthz"]["status"] == "fail"


def test_no_report_is_left_behind(
    stores: Environment, cache: Valkey, start_service: StartService
) -> None:
    service = start_service({**stores, **task(A)})
    await_published(cache, A)

    service.stop()

    assert not Path(f"/tmp/shortener-{service.port}").exists()
    with cache.connect() as client:
        assert client.keys("shortener:worker*") == []


def test_every_key_has_an_expiry_so_that_volatile_lru_forgets_it(
    stores: Environment, cache: Valkey, start_service: StartService
) -> None:
    service = start_service({**stores, **task(A)})
    assert _create(service) == 201
    requests.get(f"{service.url}/api/zzzzzz", timeout=20)
    await_published(cache, A)

    with cache.connect() as client:
        left = {key: client.ttl(key) for key in client.scan_iter("*")}

    kinds = {key.split(b":")[1] for key in left}
    assert kinds >= {b"link", b"worker", b"workers"}
    assert [key for key, seconds in left.items() if seconds == -1] == []


def test_a_folder_of_somebody_elses_is_not_written_to(tmp_path: Path) -> None:
    port = free_port()
    report = WorkerReport(A, 0, os.getpid(), "1.0.0", "production", 0.0, port)
    folder = Path(f"/tmp/shortener-{port}")
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(PermissionError):
            ReportFolder(port).write(report)
    finally:
        folder.unlink()

    assert list(tmp_path.iterdir()) == []
