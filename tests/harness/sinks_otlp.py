"""An OTLP/HTTP collector for tests: decodes protobuf with the official types."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.harness.sinks import Sink

SERVER = 2
CLIENT = 3
PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Span:
    """One received span."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass(frozen=True)
class Point:
    """One data point of one export."""

    metric: str
    unit: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    start: int
    value: Any
    """A number, or for a histogram its protobuf data point."""


class OtlpSink(Sink):
    """Keeps every span, and of every series the last point."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.spans: list[Span] = []
        self.points: dict[tuple[Any, ...], Point] = {}
        self.exports = {"traces": 0, "metrics": 0}
        self.reject_spans = 0
        """Say of each export that so many of its spans were rejected (partial success)."""

    @property
    def server_spans(self) -> list[Span]:
        """The spans of requests."""
        return [span for span in self.spans if span.kind == SERVER]

    def series(self, metric: str) -> list[Point]:
        """Return the last point of each series of a metric; a restarted one counts anew."""
        return [point for point in self.points.values() if point.metric == metric]

    def histogram_count(self, metric: str) -> int:
        """Return how many values were recorded in all series of a histogram."""
        return sum(point.value.count for point in self.series(metric))

    def accept(self, path: str, headers: Message, body: bytes) -> tuple[int, bytes, str]:
        """Decode an export of spans or metrics."""
        if headers.get("Content-Type") != PROTOBUF:
            self.errors.append(f"content type {headers.get('Content-Type')}")
            return 415, b"", "text/plain"
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if path == "/v1/traces":
            self._traces(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse()
            if self.reject_spans:
                answer.partial_success.rejected_spans = self.reject_spans
            return 200, answer.SerializeToString(), PROTOBUF
        if path == "/v1/metrics":
            self._metrics(ExportMetricsServiceRequest.FromString(body))
            return 200, ExportMetricsServiceResponse().SerializeToString(), PROTOBUF
        self.errors.append(f"path {path}")
        return 404, b"", "text/plain"

    def _traces(self, request: ExportTraceServiceRequest) -> None:
        self.exports["traces"] += 1
        for of_resource in request.resource_spans:
            resource = _attributes(of_resource.resource.attributes)
            for scope in of_resource.scope_spans:
                self.spans += [
                    Span(
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.name,
                        span.kind,
                        _attributes(span.attributes),
                        resource,
                    )
                    for span in scope.spans
                ]

    def _metrics(self, request: ExportMetricsServiceRequest) -> None:
        self.exports["metrics"] += 1
        for of_resource in request.resource_metrics:
            resource = _attributes(of_resource.resource.attributes)
            for scope in of_resource.scope_metrics:
                for metric in scope.metrics:
                    for point in _points(metric, resource):
                        self.points[_identity(point)] = point


def _points(metric: Any, resource: dict[str, Any]) -> Iterator[Point]:
    kind = metric.WhichOneof("data")
    for point in getattr(metric, kind).data_points:
        value = point
        if kind in {"sum", "gauge"}:
            value = getattr(point, point.WhichOneof("value"))
        yield Point(
            metric.name,
            metric.unit,
            _attributes(point.attributes),
            resource,
            point.start_time_unix_nano,
            value,
        )


def _identity(point: Point) -> tuple[Any, ...]:
    """A series, and which life of it: a new process in the same slot starts from nothing."""
    return (
        point.metric,
        tuple(sorted(point.attributes.items())),
        point.resource["service.instance.id"],
        point.start,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in _typed(pairs)}


def _typed(pairs: Any) -> Iterator[KeyValue]:
    yield from pairs


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_value(item) for item in value.array_value.values)
    return getattr(value, kind) if kind else None
