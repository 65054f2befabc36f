"""The last spans, in the place of Tempo: taken over OTLP, asked for by trace id."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MOST_SPANS = 50_000
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")

Span = dict[str, Any]


class KeptSpans:
    """The newest spans; older ones make room."""

    def __init__(self, most: int = MOST_SPANS) -> None:
        self._spans: deque[Span] = deque(maxlen=most)
        self._lock = threading.Lock()

    def take(self, body: bytes) -> None:
        """Keep what an export (protobuf, already unpacked) brings; ValueError if it is none."""
        try:
            export = ExportTraceServiceRequest.FromString(body)
        except DecodeError as error:
            raise ValueError(str(error)) from error
        spans = list(_spans(export))
        with self._lock:
            self._spans.extend(spans)

    def of_trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace (32 hexadecimal digits), in the order of their beginning."""
        with self._lock:
            spans = list(self._spans)
        found = [span for span in spans if span["trace_id"] == trace_id.lower()]
        return sorted(found, key=lambda span: int(span["start_unix_nano"]))


def _spans(export: Any) -> Iterator[Span]:
    for resource in export.resource_spans:
        service = {item.key: item.value.string_value for item in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_span_id": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": _KINDS[span.kind],
                    "service": service.get("service.name", ""),
                    "start_unix_nano": span.start_time_unix_nano,
                    "duration_ms": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
                    "attributes": {item.key: _value(item.value) for item in span.attributes},
                }


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None
