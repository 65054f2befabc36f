"""OTLP exporters whose every outcome is known: accepted, refused in part, failed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from telemetry import span_encoding
from telemetry.context import muted
from telemetry.exchanges import Exchanges, read_whole, retry_after
from telemetry.farewell import farewell
from telemetry.peers import Peer
from telemetry.signals import Signal

log = logging.getLogger(__name__)

TIMEOUT = 2.0
"""Seconds for one export, its retries included."""
BATCH = 512
QUEUE = 2048
DELAY = 5000
"""Milliseconds."""


class _Ended(Exception):
    """An export has no time left for another attempt; not what the SDK would repeat."""


class _Session(Exchanges):
    """Takes a redirect for a failure (the exporter does not) and reads partial success.

    An export with all of its attempts ends in time, on the monotonic clock: the SDK reckons by the
    other one, and waits for an hour where that is set back by one.
    """

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self._peer = peer
        self.rejected = 0
        self._export = threading.local()

    def begin(self) -> None:
        """Begin an export of this thread."""
        self._export.ends = monotonic() + TIMEOUT

    def request(  # type: ignore[override]  # as the SDK calls it
        self, method: str, url: str, *, timeout: float | None = None, **more: Any
    ) -> requests.Response:
        self.rejected = 0
        left = min(timeout or TIMEOUT, self._export.ends - monotonic())
        if left <= 0:
            raise _Ended
        try:
            response = self.exchange(method, url, read_whole, seconds=left, **more)
        except Exception as error:
            self._peer.failed(error)
            raise
        if not 200 <= response.status_code < 300:
            self._peer.answered(response.status_code)
        wait = retry_after(response.headers.get("Retry-After"))
        hopeless = wait is not None and wait > self._export.ends - monotonic()
        if 300 <= response.status_code < 400 or hopeless:
            response.status_code = requests.codes.misdirected_request  # never repeated
        elif response.ok and response.content:
            self.rejected = _rejected(str(response.url), response.content)
        return response


def _rejected(url: str, body: bytes) -> int:
    """Return how many items the collector says it refused (OTLP, partial success)."""
    try:
        if url.endswith("/v1/traces"):
            spans = ExportTraceServiceResponse.FromString(body).partial_success
            return int(spans.rejected_spans)
        points = ExportMetricsServiceResponse.FromString(body).partial_success
        return int(points.rejected_data_points)
    except DecodeError:
        return 0


class _Encoded:
    """Stands where the official exporter expects the message that it would fill and serialise.

    It takes no encoder, so its module's name for one is replaced (docs/internals.md); all else,
    from the limit of a request's size to compression, TLS and retries, stays its own.
    """

    def __init__(self, spans: Sequence[ReadableSpan]) -> None:
        self._spans = spans

    def SerializePartialToString(self) -> bytes:  # noqa: N802  # protobuf's name
        """Return the bytes."""
        return span_encoding.encode(self._spans)


class AccountedSpanExporter(SpanExporter):
    """Exports spans and tells the signal what came of it; its log lines are not exported."""

    def __init__(self, endpoint: str, signal: Signal) -> None:
        self.peer = Peer(endpoint)
        self._session = _Session(self.peer)
        vars(trace_exporter)["encode_spans"] = _Encoded
        self._exporter = OTLPSpanExporter(endpoint, session=self._session, timeout=TIMEOUT)
        self._signal = signal

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans; never raise."""
        self._session.begin()
        with muted():
            try:
                result = self._exporter.export(spans)
            except Exception:  # noqa: BLE001  # whatever the transport raises is a failed export
                result = SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            self._signal.exported(len(spans), self._session.rejected)
        else:
            self._signal.export_failed(len(spans))
        return result

    def probe(self) -> None:
        """Find out with an empty export whether the collector answers."""
        self._session.begin()
        with muted():
            result = self._exporter.export(())
        self._signal.probed(accepted=result is SpanExportResult.SUCCESS)

    def shutdown(self) -> None:
        """End retries at once."""
        with muted():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        """Do nothing: nothing is kept here."""
        return True


class AccountedSpanProcessor(BatchSpanProcessor):
    """The SDK's batch processor, counting what goes in: it drops the oldest without a word."""

    def __init__(self, exporter: AccountedSpanExporter, signal: Signal) -> None:
        super().__init__(
            exporter,
            max_queue_size=QUEUE,
            schedule_delay_millis=DELAY,
            max_export_batch_size=BATCH,
        )
        self._signal = signal

    def on_end(self, span: ReadableSpan) -> None:
        """Encode and queue a sampled span; one that cannot be encoded is lost, and only that."""
        if not span.context.trace_flags.sampled:
            return
        try:
            encoded = span_encoding.EncodedSpan(span)
        except Exception:
            log.exception("A span cannot be encoded: %s", span.name)
            self._signal.unsendable()
            return
        self._signal.produce()
        super().on_end(encoded)


class AccountedMetricExporter(MetricExporter):
    """Exports metrics and tells the signal what came of it."""

    ending = False
    """The worker ends: what is exported from now on is its farewell."""

    def __init__(self, endpoint: str, signal: Signal) -> None:
        super().__init__()
        self.peer = Peer(endpoint)
        self._session = _Session(self.peer)
        self._exporter = OTLPMetricExporter(endpoint, session=self._session, timeout=TIMEOUT)
        self._preferred_temporality = self._exporter._preferred_temporality  # noqa: SLF001
        self._preferred_aggregation = self._exporter._preferred_aggregation  # noqa: SLF001
        self._signal = signal

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,
        **_kwargs: Any,
    ) -> MetricExportResult:
        """Export the metrics; never raise."""
        if self.ending:
            metrics_data = farewell(metrics_data)
        self._session.begin()
        with muted():
            try:
                result = self._exporter.export(metrics_data, timeout_millis)
            except Exception:  # noqa: BLE001  # whatever the transport raises is a failed export
                result = MetricExportResult.FAILURE
        if result is MetricExportResult.SUCCESS:
            self._signal.exported(1, int(self._session.rejected > 0))
        else:
            self._signal.export_failed(1)
        return result

    def shutdown(self, timeout_millis: float = 30_000, **_kwargs: Any) -> None:  # noqa: ARG002
        """End retries at once."""
        with muted():
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002
        """Do nothing: nothing is kept here."""
        return True
