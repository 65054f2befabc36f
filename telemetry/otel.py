"""The OpenTelemetry providers of one worker."""

from __future__ import annotations

import os

from opentelemetry import metrics, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, generate_latest

from telemetry.buckets import BUCKETS
from telemetry.config import Config
from telemetry.exporters import (
    BATCH,
    DELAY,
    QUEUE,
    TIMEOUT,
    AccountedMetricExporter,
    AccountedSpanExporter,
    AccountedSpanProcessor,
)
from telemetry.signals import Signal

_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
# Only what we choose, never what a client sends: the protocol's version comes from its request.
_ATTRIBUTES = {
    "http.server.request.duration": {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "url.scheme",
        "error.type",
    },
    "http.server.active_requests": {"http.request.method", "url.scheme"},
    "db.client.operation.duration": {"db.system.name", "db.operation.name", "error.type"},
}


def views() -> list[View]:
    """Return which attributes and buckets the instruments have, and which are not wanted."""
    chosen = [
        View(
            instrument_name=name,
            attribute_keys=_ATTRIBUTES.get(name),
            aggregation=ExplicitBucketHistogramAggregation(BUCKETS[name])
            if name in BUCKETS
            else None,
        )
        for name in sorted(_ATTRIBUTES.keys() | BUCKETS.keys())
    ]
    unwanted = View(
        instrument_name="db.client.response.returned_rows", aggregation=DropAggregation()
    )
    return [*chosen, unwanted]


def choose_conventions() -> None:
    """Opt in to the stable conventions, before any instrumentation is made.

    The old HTTP ones put the client's Host header into metrics.
    """
    chosen = [name.strip() for name in os.environ.get(_OPT_IN, "").split(",") if name.strip()]
    wanted = [name for name in ("http", "database") if name not in chosen]
    os.environ[_OPT_IN] = ",".join([*wanted, *chosen])


def resource(config: Config, slot: int) -> Resource:
    """Describe this worker; the slot keeps the series of workers apart and their number small."""
    return Resource.create(
        {
            **dict(config.cloud),
            "service.name": config.service_name,
            "service.version": config.service_version,
            "service.instance.id": f"{config.instance}-{slot}",
            "deployment.environment.name": config.environment,
        }
    )


def sampler(config: Config) -> sampling.Sampler:
    """Return the sampler of OTEL_TRACES_SAMPLER (default: parent-based, always on)."""
    root: sampling.Sampler = sampling.TraceIdRatioBased(config.sampler_ratio)
    if config.sampler.endswith("always_on"):
        root = sampling.ALWAYS_ON
    elif config.sampler.endswith("always_off"):
        root = sampling.ALWAYS_OFF
    return sampling.ParentBased(root) if config.sampler.startswith("parentbased") else root


class Tracing:
    """Spans of this worker, exported in batches."""

    def __init__(self, config: Config, endpoint: str, described: Resource) -> None:
        self.signal = Signal("traces", DELAY / 1000 + TIMEOUT, capacity=QUEUE + BATCH)
        self.exporter = AccountedSpanExporter(endpoint, self.signal)
        self.provider = TracerProvider(
            sampler=sampler(config), resource=described, shutdown_on_exit=False
        )
        self.provider.add_span_processor(AccountedSpanProcessor(self.exporter, self.signal))
        trace.set_tracer_provider(self.provider)
        propagate.set_global_textmap(
            CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
        )


class Metering:
    """Metrics of this worker: over OTLP every interval, as Prometheus text where local."""

    def __init__(self, config: Config, endpoint: str | None, described: Resource) -> None:
        self.signal = Signal("metrics", config.metric_interval + TIMEOUT, periodic=True)
        readers: list[MetricReader] = []
        self.reader: PeriodicExportingMetricReader | None = None
        self.exporter: AccountedMetricExporter | None = None
        if endpoint is not None:
            self.exporter = AccountedMetricExporter(endpoint, self.signal)
            self.reader = PeriodicExportingMetricReader(
                self.exporter,
                export_interval_millis=config.metric_interval * 1000,
            )
            readers.append(self.reader)
        self._registry: CollectorRegistry | None = None
        if config.local:
            self._registry = CollectorRegistry()
            readers.append(PrometheusMetricReader(registry=self._registry))
        self.provider = MeterProvider(
            readers, resource=described, shutdown_on_exit=False, views=views()
        )
        metrics.set_meter_provider(self.provider)

    def probe(self) -> None:
        """Export once more: the series are cumulative, so nothing is counted twice."""
        if self.reader is not None:
            self.reader.force_flush()

    def end(self) -> None:
        """Export for the last time and stop; what is a state is exported as 0."""
        if self.exporter is not None:
            self.exporter.ending = True
        self.provider.shutdown()

    def prometheus_text(self) -> bytes | None:
        """Return this worker's series in Prometheus text format, or None unless local."""
        return None if self._registry is None else generate_latest(self._registry)
