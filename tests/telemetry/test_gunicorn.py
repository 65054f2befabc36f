"""gunicorn.conf.py and the worker: configuration, parser errors, signals, clocks."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.harness.room import MACHINE
from tests.harness.service import ROOT, Service
from tests.harness.sinks import eventually
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.conftest import SAMPLE, StartObserved, completed

DRAIN = 30.0
"""Seconds that requests in flight are given."""


def gunicorn(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run gunicorn until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", SAMPLE],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_all_mistakes_are_told_at_once_without_a_traceback() -> None:
    otel = {
        "OTEL_PYTHON_FLASK_EXCLUDED_URLS": "[",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many",
        "OTEL_EXPORTER_OTLP_HEADERS": "s3cret",
        "OTEL_PROPAGATORS": "pigeon",
        "OTEL_RESOURCE_ATTRIBUTES": "s3cret",
    }
    wrong = {"PORT": "x", "LOG_LEVEL": "y", "LOKI_ENDPOINT": "z", **otel}
    ended = gunicorn({"ENV": "local", **wrong})
    assert ended.returncode == 3
    names = [line.split(":")[0] for line in ended.stderr.splitlines()]
    assert {*wrong, "POSTGRES_HOST", "JWT_SECRET"} <= set(names)
    assert len(names) == len(set(names))
    assert "s3cret" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr + ended.stdout
    assert all(json.loads(line) for line in ended.stdout.splitlines())


def ask(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Send raw bytes and return head and body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


MALFORMED = [
    (b"NONSENSE\r\n\r\n", 400, "BAD_REQUEST"),
    (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
    (b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", 400, "BAD_REQUEST"),
    (b"GET /?key=hunter2" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "URI_TOO_LONG"),
    (b"GET / HTTP/1.1\r\nX: " + b"a" * 70000 + b"\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
    (b"GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", 501, "NOT_IMPLEMENTED"),
]


def test_what_is_no_http_is_answered_in_the_services_json(start_observed: StartObserved) -> None:
    service = start_observed()
    for request, status, code in MALFORMED:
        head, body = ask(service.port, request)
        assert head.startswith(b"HTTP/1.1 %d " % status), (request[:40], head)
        assert json.loads(body)["code"] == code
        assert b"Content-Type: application/json" in head
        assert b"X-Request-ID: " in head
        assert b"Server: gunicorn\r\n" in head
    assert "hunter2" not in service.stdout + service.stderr
    # And the worker is none the worse for it.
    answer = service.client.get(service.url + "/hello")
    assert (answer.status_code, answer.headers["Server"]) == (200, "gunicorn")


def test_gunicorns_own_lines_are_json_on_stdout_and_nothing_is_on_stderr(
    start_observed: StartObserved,
) -> None:
    service = start_observed()
    service.stop()
    assert len(service.records) == len(service.lines)
    assert {"Starting gunicorn", "Booting worker with", "Worker exiting (pid:"} <= {
        " ".join(record["msg"].split(" ")[:3]).removesuffix(" 27.0.1") for record in service.records
    }
    assert service.stderr == ""


def test_log_lines_stay_json_after_a_reload(start_observed: StartObserved) -> None:
    service = start_observed()
    before = set(service.workers)
    service.process.send(signal.SIGHUP)
    eventually(lambda: service.workers and not before & set(service.workers))
    service.stop()
    assert len(service.records) == len(service.lines)
    messages = [record["msg"] for record in service.records]
    assert len([message for message in messages if message.startswith("Hang up")]) == 1


@pytest.mark.timeout(90)
def test_a_stop_signal_while_a_worker_starts_is_not_lost(start_observed: StartObserved) -> None:
    service = start_observed()
    (worker,) = service.workers
    for delay in (0.0, 0.01, 0.03, 0.1):
        stopped = worker
        os.kill(stopped, signal.SIGTERM)
        worker = replacement(service, stopped)
        time.sleep(delay)  # into its post_fork, its import of the application, its first loop
        os.kill(worker, signal.SIGTERM)
        worker = replacement(service, worker)


def replacement(service: Service, worker: int) -> int:
    """Wait until the worker has ended, and return the pid of the one in its place."""

    def other() -> int | None:
        return next((pid for pid in service.workers if pid != worker), None)

    pid: int = eventually(other, 10)
    return pid


def test_a_worker_the_master_gives_up_flushes_before_it_is_killed(
    start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    service = start_observed()
    service.client.get(service.url + "/hello")
    (worker,) = service.workers
    # What the master sends to a worker whose heartbeat stopped.
    os.kill(worker, signal.SIGABRT)
    eventually(lambda: worker not in service.workers, 5)
    eventually(lambda: otlp.server_spans and loki.completed, 5)
    assert len(completed(service)) == 1


@pytest.mark.timeout(90)
def test_an_impatient_second_signal_ends_a_drain_and_still_flushes(
    start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    service = start_observed()
    service.client.get(service.url + "/hello")
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"GET /slow/60.0 HTTP/1.1\r\nHost: x\r\n\r\n")
        service.await_record(lambda record: record["msg"] == "Slow request started")
        service.process.send(signal.SIGTERM)
        service.await_record(lambda record: record["msg"] == "Handling signal: term")
        service.process.send(signal.SIGINT)
        # Far less than the request takes.
        service.process.wait(5 + MACHINE)
    assert (len(otlp.server_spans), len(loki.completed) >= 1) == (1, True)


def test_an_idle_connection_does_not_hold_the_drain(start_observed: StartObserved) -> None:
    service = start_observed({"GUNICORN_THREADS": "4"})
    with (
        socket.create_connection(("127.0.0.1", service.port)),
        socket.create_connection(("127.0.0.1", service.port)),
    ):
        service.client.get(service.url + "/hello")
        started = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - started < DRAIN
