"""Services whose telemetry goes to sinks that tests can read and break."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import StartService
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.harness.sinks import eventually
from tests.harness.sinks_loki import COMPLETED, LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.load import UNTRACED

SAMPLE = "tests.telemetry.sample:app"
# gunicorn.conf.py checks these; the sample application never connects.
NO_DATABASE = {"POSTGRES_HOST": "none.invalid"}
DURATION = "http.server.request.duration"

StartObserved = Callable[..., Service]


@pytest.fixture
def otlp() -> Iterator[OtlpSink]:
    """Run an OTLP collector; whatever it could not decode fails the test."""
    with OtlpSink() as sink:
        yield sink
    assert sink.errors == []


@pytest.fixture
def loki() -> Iterator[LokiSink]:
    """Run a Loki; whatever it could not decode fails the test."""
    with LokiSink() as sink:
        yield sink
    assert sink.errors == []


@pytest.fixture
def start_observed(start_service: StartService, otlp: OtlpSink, loki: LokiSink) -> StartObserved:
    """Start the sample application: start_observed(environment, **Service arguments)."""

    def start(environment: dict[str, str | None] | None = None, **more: Any) -> Service:
        sinks = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url, "LOKI_ENDPOINT": loki.push_url}
        more.setdefault("app", SAMPLE)
        return start_service({**NO_DATABASE, **sinks, **(environment or {})}, **more)

    return start


@pytest.fixture
def shortener(start_observed: StartObserved, database: Database, valkey: Valkey) -> StartObserved:
    """Start the real service: shortener(environment, **Service arguments)."""

    def start(environment: dict[str, str | None] | None = None, **more: Any) -> Service:
        stores = {**database.environment, **valkey.environment()}
        return start_observed({**stores, **(environment or {})}, app="app.wsgi:app", **more)

    return start


@dataclass(frozen=True)
class Counts:
    """How often one and the same request was seen in each place."""

    answered: int
    spans: int
    stdout: int
    loki: int
    histogram: int


def counts(answered: int, service: Service, otlp: OtlpSink, loki: LokiSink) -> Counts:
    """Count the requests in every place, after the service has ended."""
    assert len({span.span_id for span in otlp.spans}) == len(otlp.spans), "a span came twice"
    return Counts(
        answered,
        len(otlp.server_spans),
        len(completed(service)),
        len([record for record in loki.completed if record["path"] not in UNTRACED]),
        otlp.histogram_count(DURATION),
    )


def completed(service: Service) -> list[dict[str, Any]]:
    """Return the "Request completed" lines on stdout of requests that make a span."""
    return [
        record
        for record in service.records
        if record["msg"] == COMPLETED and record["path"] not in UNTRACED
    ]


def await_health(service: Service, timeout: float = 20.0, **expected: object) -> dict[str, Any]:
    """Wait until /healthz shows the expected fields, and return the answer."""

    def matching() -> dict[str, Any] | None:
        health: dict[str, Any] = service.client.get(service.url + "/healthz").json()
        return health if health.items() >= expected.items() else None

    found: dict[str, Any] = eventually(matching, timeout)
    return found
