"""What doctor says of the service on the same machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conftest import StartService
from tests.doctor.command import examine, said
from tests.doctor.conftest import Environment
from tests.doctor.tasks import await_report
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.harness.sinks import Fault, eventually
from tests.harness.sinks_otlp import OtlpSink

ALIVE, HEALTH = "service /healthz", "service /api/health"


@contextmanager
def _stranger(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    try:
        yield str(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def test_a_service_that_does_not_run_here(plain: Environment) -> None:
    rows = examine(plain)

    for row in (ALIVE, HEALTH):
        assert rows[row].status == "skip"
        assert "does not run here" in rows[row].found


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b"{}"), (200, b"[1]")])
def test_another_program_on_the_port(plain: Environment, status: int, body: bytes) -> None:
    with _stranger(status, body) as port:
        rows = examine({**plain, "PORT": port})

    for row in (ALIVE, HEALTH):
        assert f"fail answers {status}, not as our service another program" in said(rows[row])
        assert said(rows[row]).endswith(f"ss -ltnp 'sport = :{port}'")


def test_a_service_without_its_database(plain: Environment) -> None:
    body = {"status": "unhealthy", "postgres": False, "redis": True, "timestamp": 1}
    with _stranger(503, json.dumps(body).encode()) as port:
        row = examine({**plain, "PORT": port})[HEALTH]

    assert "fail 503, postgres False, redis True the service cannot use PostgreSQL" in said(row)
    assert "Do what the row postgresql advises" in said(row)


def test_the_row_that_has_the_cause_is_named_and_what_is_over_is_over(
    healthy: Environment, database: Database, start_service: StartService
) -> None:
    service = start_service(healthy, port=int(healthy["PORT"]))
    _set_read_only(database, "on")
    eventually(lambda: service.client.get(f"{service.url}/api/health").status_code == 503)
    assert _create(service) == 503
    await_report(service.port, lambda report: bool(report.postgresql.troubles))

    ill = examine(healthy)
    _set_read_only(database, "off")
    eventually(lambda: service.client.get(f"{service.url}/api/health").status_code == 200)
    await_report(service.port, lambda report: report.postgresql.away_for is None)
    well = examine(healthy)

    for row in ("dependencies", HEALTH):
        assert said(ill[row]).endswith("the row writes says why Do what the row writes advises")
    assert well[HEALTH].status == "ok"
    assert well["dependencies"].status == "warn"
    assert well["dependencies"].found.endswith("s ago; over now")


def test_a_table_that_is_locked_is_named_where_the_service_says_that_it_cannot(
    healthy: Environment, database: Database, start_service: StartService
) -> None:
    service = start_service(healthy, port=int(healthy["PORT"]))
    with database.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE urls")
        eventually(lambda: service.client.get(f"{service.url}/api/health").status_code == 503)
        row = examine(healthy)[HEALTH]

    assert said(row).endswith(
        "the rows requests and locks say why Do what the rows requests and locks advise"
    )


def _set_read_only(database: Database, value: str) -> None:
    with database.connect() as connection:
        connection.execute("SET default_transaction_read_only = off")
        statement = f"ALTER DATABASE {database.name} SET default_transaction_read_only = {value}"
        connection.execute(statement.encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'shortener%' AND datname = current_database()"
        )


def _create(service: Service) -> int:
    body = {"url": "https://example.com/"}
    return service.client.post(f"{service.url}/api/", json=body, timeout=20).status_code


def test_a_service_whose_collector_is_broken_and_whose_redis_is_away(
    healthy: Environment, own_valkey: Valkey, start_service: StartService, otlp: OtlpSink
) -> None:
    otlp.fault = Fault.UNAVAILABLE
    environment = {**healthy, **own_valkey.environment()}
    service = start_service(environment, port=int(healthy["PORT"]))
    own_valkey.stop()
    eventually(lambda: service.client.get(f"{service.url}/api/health").json()["redis"] is False)

    rows = examine(environment)

    assert "warn 200, status degraded" in said(rows[ALIVE])
    assert "otel_tracing" in said(rows[ALIVE])
    assert "warn 200, postgres True, redis False" in said(rows[HEALTH])
