"""/healthz tells the truth from kept state; without endpoints there is nothing to tell."""

import time
from pathlib import Path

from flask import Flask

import telemetry
from telemetry.exporters import TIMEOUT
from tests.harness.sinks import Fault
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.conftest import StartObserved, await_health

NOWHERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": None, "LOKI_ENDPOINT": None}
WORKS = ("otel_tracing_works", "otel_metrics_works", "loki_logging_works")


def test_the_fields_and_types_of_the_specification(start_observed: StartObserved) -> None:
    service = start_observed({"ENV": "production", "POSTGRES_PASSWORD": "x", "SERVICE_NAME": "s"})
    health = await_health(service, status="ok")
    assert {name: type(value) for name, value in health.items()} == {
        "status": str,
        "otel_tracing": bool,
        "otel_tracing_works": bool,
        "otel_metrics": bool,
        "otel_metrics_works": bool,
        "loki_logging": bool,
        "loki_logging_works": bool,
        "service_name": str,
        "environment": str,
        "timestamp": int,
    }
    assert all(health[name] for name in WORKS)
    assert (health["service_name"], health["environment"]) == ("s", "production")
    assert abs(health["timestamp"] - time.time()) < 10


def test_it_answers_at_once_and_200_while_every_peer_hangs(
    start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    otlp.fault = loki.fault = Fault.HANGS
    service = start_observed()
    seconds = []
    for _ in range(20):
        started = time.monotonic()
        answer = service.client.get(service.url + "/healthz")
        seconds.append(time.monotonic() - started)
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert not any(answer.json()[name] for name in WORKS)
    # Whoever asked a peer would wait for it each time.
    assert min(seconds) < TIMEOUT


def test_each_signal_is_judged_by_itself(start_observed: StartObserved, loki: LokiSink) -> None:
    loki.fault = Fault.BAD_REQUEST
    service = start_observed()
    await_health(
        service,
        status="degraded",
        otel_tracing_works=True,
        otel_metrics_works=True,
        loki_logging_works=False,
    )


def test_without_endpoints_nothing_is_configured_and_all_is_well(
    start_observed: StartObserved,
) -> None:
    service = start_observed(NOWHERE)
    health = service.client.get(service.url + "/healthz").json()
    assert health["status"] == "ok"
    assert not any(health[name] for name in WORKS)
    assert not any(health[name.removesuffix("_works")] for name in WORKS)


def test_without_endpoints_there_is_no_thread_and_still_the_log(
    start_observed: StartObserved,
) -> None:
    service = start_observed({**NOWHERE, "ENV": "production", "POSTGRES_PASSWORD": "x"})
    threads = service.client.get(service.url + "/threads").json()
    assert [name for name in threads if not name.startswith("request-")] == ["MainThread"]
    assert service.client.get(service.url + "/metrics").status_code == 404
    record = service.await_record(lambda record: record.get("path") == "/threads")
    assert (record["status"], "trace_id" in record) == (200, False)
    service.stop()
    assert service.stderr == ""


def test_telemetry_that_cannot_start_does_not_take_the_service_along(
    start_observed: StartObserved, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "TracerProvider.__init__ = None  # broken on purpose\n"
    )
    service = start_observed({"PYTHONPATH": str(tmp_path)})
    assert service.client.get(service.url + "/hello").text == "hello"
    health = await_health(service, status="degraded", otel_tracing=True)
    assert not health["otel_tracing_works"]
    service.await_record(lambda record: record["msg"] == "OpenTelemetry did not start")


def test_the_metrics_page_is_for_a_developer_alone(start_observed: StartObserved) -> None:
    service = start_observed({**NOWHERE, "ENV": "local"})
    service.client.get(service.url + "/hello")
    page = service.client.get(service.url + "/metrics")
    assert page.status_code == 200
    assert "http_server_request_duration_seconds_count{" in page.text
    assert 'http_route="/hello"' in page.text


def test_everything_is_harmless_before_the_start() -> None:
    app = Flask("never started")
    before = app.wsgi_app
    telemetry.instrument(app)
    telemetry.stop()
    assert app.wsgi_app == before
    assert telemetry.prometheus_text() is None
    health = telemetry.health()
    assert (health["status"], health["otel_tracing"], health["loki_logging"]) == (
        "ok",
        False,
        False,
    )
