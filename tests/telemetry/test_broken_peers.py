"""A collector or a Loki that is broken in any way costs a request nothing and is told about."""

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.ports import free_port
from tests.harness.room import MACHINE, usual
from tests.harness.service import Service
from tests.harness.sinks import Fault, eventually
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.conftest import StartObserved, await_health, completed
from tests.telemetry.load import Load

pytestmark = pytest.mark.timeout(150)

FAULTS = [fault for fault in Fault if fault is not Fault.NONE]
SLOW = 1.0
"""Seconds: less than any of telemetry's own timeouts."""
FLUSH = 15.0
"""Seconds a worker may take to end once no request is under way."""

Urls = Callable[[], dict[str, str]]


def refused() -> dict[str, str]:
    """Name ports that nobody listens on."""
    return urls(f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}/push")


def unknown_host() -> dict[str, str]:
    """Name hosts that no resolver knows."""
    return urls("http://collector.invalid:4318", "http://loki.invalid/loki/api/v1/push")


def urls(otlp: str, loki: str) -> dict[str, str]:
    """Return the environment for both endpoints."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp, "LOKI_ENDPOINT": loki}


def lost(service: Service) -> dict[str, int]:
    """Add up what the workers said on stderr that they lost."""
    total: dict[str, int] = {}
    for line in service.stderr.splitlines():
        report: dict[str, Any] = json.loads(line)
        for what, count in report["lost"].items():
            total[what] = total.get(what, 0) + count
    return total


def assert_all_lost_and_said(service: Service) -> None:
    """Serve requests, end, and compare what was lost with what was said."""
    await_health(service, status="degraded")
    with Load(service.url, ["/hello", "/items/7"]) as load:
        load.await_answers(300)
    assert load.statuses == {200}
    # Whatever waits for a peer waits for each request; one that is slow once met a busy machine.
    assert usual(load.seconds) < SLOW
    started = time.monotonic()
    assert service.stop(signal.SIGTERM) == 0
    assert time.monotonic() - started < FLUSH + MACHINE
    said = lost(service)
    assert len(completed(service)) == load.answered
    assert said["spans"] == load.answered
    assert said["metric exports"] >= 1
    lines = sum(count for what, count in said.items() if what.startswith("log lines"))
    assert lines >= load.answered


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_peer_costs_nothing_and_losses_are_said(
    start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink, fault: Fault
) -> None:
    otlp.fault = loki.fault = fault
    if fault is Fault.BLOCKED:
        otlp.fault = Fault.UNAVAILABLE  # any 2xx is success to OTLP
    assert_all_lost_and_said(start_observed())
    assert otlp.spans == []
    assert loki.entries == []


@pytest.mark.parametrize("peers", [refused, unknown_host])
def test_an_absent_peer_costs_nothing_and_losses_are_said(
    start_observed: StartObserved, peers: Urls
) -> None:
    assert_all_lost_and_said(start_observed(peers()))


def test_health_follows_the_peers_down_and_up_without_a_restart(
    start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    service = start_observed({"OTEL_METRIC_EXPORT_INTERVAL": "500"})
    await_health(service, status="ok")
    for fault in FAULTS:
        loki.fault = fault
        otlp.fault = Fault.UNAVAILABLE if fault is Fault.BLOCKED else fault
        service.client.get(service.url + "/hello")
        await_health(service, loki_logging_works=False, otel_metrics_works=False, status="degraded")
        if fault is Fault.UNAVAILABLE:  # spans are exported every five seconds only
            await_health(service, otel_tracing_works=False)
        otlp.heal()
        loki.heal()
        otlp.released.clear()
        loki.released.clear()
        await_health(service, status="ok")
    # And what is served now is delivered.
    otlp.spans.clear()
    service.client.get(service.url + "/items/last")
    service.stop()
    assert otlp.server_spans[-1].attributes["http.route"] == "/items/<name>"
    assert loki.completed[-1]["path"] in {"/items/last", "/healthz"}


def test_partial_success_is_counted(start_observed: StartObserved, otlp: OtlpSink) -> None:
    otlp.reject_spans = 1
    service = start_observed()
    service.client.get(service.url + "/hello")
    service.client.get(service.url + "/hello")
    service.stop()
    assert lost(service)["spans"] >= 1


def test_an_outage_does_not_flood_stdout(start_observed: StartObserved) -> None:
    service = start_observed({**refused(), "LOG_LEVEL": "debug"})
    service.client.get(service.url + "/hello")
    service.stop()
    loggers = {record["logger"].split(".")[0] for record in service.records}
    assert not loggers & {"opentelemetry", "urllib3", "requests"}


def test_a_peer_that_comes_later_gets_what_waits(
    start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    loki.fault = Fault.TOO_MANY  # Retry-After: 1
    service = start_observed()
    service.client.get(service.url + "/hello")
    eventually(lambda: loki.attempts)
    loki.heal()
    eventually(lambda: any(record["path"] == "/hello" for record in loki.completed))
