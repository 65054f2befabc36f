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
from tests.harness.servers import Valkey
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
