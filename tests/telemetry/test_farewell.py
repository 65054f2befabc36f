"""What is a state ends with the worker; what was counted stays."""

import time

import pytest

from tests.harness.sinks import Fault, eventually
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.conftest import DURATION, StartObserved
from tests.telemetry.test_cardinality import catalogue

REPORT = "telemetry.report.time"
STATES = {"gauge", "updowncounter"}


def states(otlp: OtlpSink) -> dict[str, list[float]]:
    """Return the last value of every series that is a state, by its metric."""
    kinds = {name: instrument["kind"] for name, instrument in catalogue().items()}
    found: dict[str, list[float]] = {}
    for point in otlp.points.values():
        if kinds[point.metric] in STATES:
            found.setdefault(point.metric, []).append(point.value)
    return found


def test_a_worker_that_ends_leaves_no_state_behind(
    shortener: StartObserved, otlp: OtlpSink
) -> None:
    service = shortener({"WEB_CONCURRENCY": "2", "OTEL_METRIC_EXPORT_INTERVAL": "300"})
    service.client.get(service.url + "/Zz9Zz9")
    eventually(lambda: len(otlp.series(REPORT)) == 2 and otlp.series(DURATION))
    living = states(otlp)
    service.stop()
    ended = states(otlp)

    assert all(value > 0 for value in living["process.memory.usage"])
    assert sum(living["db.client.connection.max"]) > 0
    assert ended.keys() >= living.keys()
    assert {value for values in ended.values() for value in values} == {0}
    assert otlp.histogram_count(DURATION) == 1
    assert all(point.value > 0 for point in otlp.series("process.cpu.time"))


def test_a_worker_that_is_killed_does_not_say_that_it_ended(
    start_observed: StartObserved, otlp: OtlpSink
) -> None:
    service = start_observed({"OTEL_METRIC_EXPORT_INTERVAL": "300"})
    eventually(lambda: otlp.series(REPORT))
    service.kill()
    (point,) = otlp.series(REPORT)
    assert abs(point.value - time.time()) < 60


def test_reports_move_while_the_worker_lives(start_observed: StartObserved, otlp: OtlpSink) -> None:
    start_observed({"OTEL_METRIC_EXPORT_INTERVAL": "200"})
    seen: set[float] = set()

    def moved() -> bool:
        seen.update(point.value for point in otlp.series(REPORT))
        return len(seen) >= 3

    eventually(moved)


@pytest.mark.parametrize("peer", ["traces", "logs"])
def test_what_fails_is_told_while_it_fails_and_no_longer(
    peer: str, start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    service = start_observed({"OTEL_METRIC_EXPORT_INTERVAL": "200"})

    def failing() -> set[str]:
        points = otlp.series("telemetry.export.failing")
        return {point.attributes["signal"] for point in points if point.value}

    eventually(lambda: otlp.series("telemetry.export.failing") and failing() == set())
    otlp.spared_paths = ("/v1/metrics",)
    (otlp if peer == "traces" else loki).fault = Fault.BAD_REQUEST
    service.client.get(service.url + "/hello")
    eventually(lambda: failing() == {peer}, 20)
    otlp.heal()
    loki.heal()
    eventually(lambda: failing() == set(), 20)
