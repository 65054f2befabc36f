"""An export ends in time, with all of its attempts, also where the clock is set back meanwhile."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from opentelemetry.exporter.otlp.common import http
from opentelemetry.sdk.metrics.export import MetricsData

from telemetry.exporters import TIMEOUT, AccountedMetricExporter, AccountedSpanExporter
from telemetry.signals import Signal
from tests.harness.room import MACHINE
from tests.harness.sinks import Fault
from tests.harness.sinks_otlp import OtlpSink

FAULTS = [Fault.UNAVAILABLE, Fault.TOO_MANY, Fault.HANGS, Fault.DRIPS, Fault.DRIPS_CONTENT]


def spans(url: str) -> Callable[[], object]:
    exporter = AccountedSpanExporter(f"{url}/v1/traces", Signal("traces", 7))
    return lambda: exporter.export(())


def metrics(url: str) -> Callable[[], object]:
    exporter = AccountedMetricExporter(f"{url}/v1/metrics", Signal("metrics", 7))
    return lambda: exporter.export(MetricsData([]))


@pytest.mark.parametrize("kind", [spans, metrics])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_clock_that_is_set_back_makes_no_export_longer(
    otlp: OtlpSink, monkeypatch: pytest.MonkeyPatch, fault: Fault, kind: Callable[..., object]
) -> None:
    otlp.fault = fault
    calls = 0

    def stepping() -> float:
        nonlocal calls
        calls += 1
        return time.time() - (3600 if calls > 1 else 0)

    monkeypatch.setattr(http, "time", SimpleNamespace(time=stepping))
    export: Callable[[], object] = kind(otlp.url)  # type: ignore[assignment]
    begun = time.monotonic()
    result = export()
    assert time.monotonic() - begun < TIMEOUT + MACHINE
    assert getattr(result, "name", "") == "FAILURE"
    assert calls > 1


def test_what_is_asked_to_wait_longer_than_it_may_is_not_repeated(
    otlp: OtlpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "time", SimpleNamespace(time=lambda: 0.0))  # a clock that stands
    otlp.fault = Fault.TOO_MANY  # Retry-After: 1
    signal = Signal("traces", 7)
    AccountedSpanExporter(f"{otlp.url}/v1/traces", signal).export(())
    assert otlp.attempts <= 2
    assert (signal.failed_exports, signal.works) == (1, False)
