"""Whether the collector takes a span and a metric, sent as the service sends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from app.doctor.findings import Finding, Progress, fail, ok, skip, warn
from app.doctor.http_answers import REQUEST_WAIT, advice_for, failure, reach_for
from app.doctor.network import Peer, Unreachable
from app.doctor.peers import collector
from app.doctor.situation import Situation

TRACES = "collector traces"
METRICS = "collector metrics"
METRIC = "shortener.doctor.runs"
GRPC_PORT = 4317

_SETTING = "OTEL_EXPORTER_OTLP_ENDPOINT"


class _Session(requests.Session):
    """Keeps what came of the one request; the exporters would tell no more than "failed"."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 0
        self.body = b""
        self.error: Exception | None = None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs |= {"allow_redirects": False, "timeout": REQUEST_WAIT}
        try:
            response = super().request(*args, **kwargs)
        except (requests.RequestException, OSError, ValueError) as error:
            self.error = error
            response = requests.Response()
        self.status = response.status_code or 0
        self.body = response.content if response.ok and self.status else b""
        if self.status != requests.codes.ok:
            response.status_code = requests.codes.bad_request  # which is never tried again
        return response


def check_traces(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Send one span."""
    yield _export(TRACES, situation, progress)


def check_metrics(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Send one metric."""
    yield _export(METRICS, situation, progress)


def _export(row: str, situation: Situation, progress: Progress) -> Finding:
    peer = collector(situation)
    unusable = situation.unusable(row, "OTEL_EXPORTER_OTLP_")
    if unusable:
        return unusable
    if peer is None:
        return _unconfigured(row, situation)
    signal = "traces" if row == TRACES else "metrics"
    url = str(situation.config.signal_endpoint(signal))
    session = _Session()
    try:
        reach_for(url, peer, progress)
        cause = "it accepts connections and does not answer: frozen, or another protocol"
        progress.at(f"waiting for {peer.shown}/v1/{signal}", cause, peer.start)
        send = _send_span if row == TRACES else _send_metric
        send(url, session, situation)
        if session.error is not None:
            raise failure(session.error, peer)
    except Unreachable as error:
        return error.finding(row)
    return _judge(row, session, peer, signal)


def _unconfigured(row: str, situation: Situation) -> Finding:
    if situation.local:
        return skip(row, f"{_SETTING} is not set")
    cause = "nobody sees what the service does"
    then = f"Set {_SETTING} in task-definition.json, then release"
    return warn(row, f"{_SETTING} is not set, or OTEL_SDK_DISABLED is", cause, then)


def _judge(row: str, session: _Session, peer: Peer, signal: str) -> Finding:
    where = f"{peer.shown} answered {session.status} to a {'span' if row == TRACES else 'metric'}"
    if session.status != requests.codes.ok:
        advice = advice_for(session.status, peer)
        cause = advice.cause
        if peer.port == GRPC_PORT:
            cause = "4317 is the port for gRPC; http/protobuf has 4318"
        return fail(row, where, cause, advice.next)
    if _rejected(session.body, signal):
        cause = "a processor or its backend refuses what we send (partial success)"
        return fail(row, f"{where} and rejected it", cause, peer.start)
    return ok(row, f"{where}: accepted")


def _rejected(body: bytes, signal: str) -> bool:
    try:
        if signal == "traces":
            spans = ExportTraceServiceResponse.FromString(body)
            return bool(spans.partial_success.rejected_spans)
        points = ExportMetricsServiceResponse.FromString(body)
        return bool(points.partial_success.rejected_data_points)
    except ValueError:  # what protobuf raises is one
        return False


def _resource(situation: Situation) -> Resource:
    """Describe the doctor: of the service, but not one of its workers."""
    config = situation.config
    return Resource.create(
        {
            "service.name": config.service_name,
            "service.version": config.service_version,
            "service.instance.id": f"{config.instance}-doctor",
            "deployment.environment.name": config.environment,
        }
    )


def _send_span(url: str, session: _Session, situation: Situation) -> None:
    # Whatever the service's own sampler leaves out, this span is sent.
    described = _resource(situation)
    provider = TracerProvider(sampling.ALWAYS_ON, described, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(url, session=session, timeout=REQUEST_WAIT)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("app.doctor").start_span("doctor").end()


def _send_metric(url: str, session: _Session, situation: Situation) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=_resource(situation), shutdown_on_exit=False)
    counter = provider.get_meter("app.doctor").create_counter(METRIC, "{run}")
    counter.add(1)
    collected = reader.get_metrics_data()
    if collected is not None:
        OTLPMetricExporter(url, session=session, timeout=REQUEST_WAIT).export(collected)
