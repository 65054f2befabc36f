"""HTTP metrics of a server (OpenTelemetry semantic conventions, HTTP metrics, stable)."""

from __future__ import annotations

import threading

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from telemetry.bound_histograms import Attributes, BoundHistogram

# Seconds; a view of ours may have others (telemetry/buckets.py).
_ADVISED = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

Kind = tuple[str, str]
"""Method and scheme: what active requests are counted by."""


class HttpMetrics:
    """How long requests take, and how many are being served."""

    def __init__(self, meter: Meter) -> None:
        self._duration = BoundHistogram(
            meter.create_histogram(
                "http.server.request.duration",
                unit="s",
                description="Duration of HTTP server requests.",
                explicit_bucket_boundaries_advisory=_ADVISED,
            )
        )
        # A number in memory that the exporter reads; the SDK's own counter takes 10 µs to add one.
        self._active: dict[Kind, int] = {}
        self._lock = threading.Lock()
        meter.create_observable_up_down_counter(
            "http.server.active_requests",
            callbacks=[self._observe_active],
            unit="{request}",
            description="Number of active HTTP server requests.",
        )

    def begin(self, kind: Kind) -> None:
        """Count a request that is being served."""
        with self._lock:
            self._active[kind] = self._active.get(kind, 0) + 1

    def end(self, kind: Kind) -> None:
        """Count it no longer."""
        with self._lock:
            self._active[kind] -= 1

    def measure(
        self, seconds: float, kind: Kind, status: int, route: str | None, context: Context
    ) -> None:
        """Record how long an answer took; `context` has its span."""
        attributes: Attributes = {
            "http.request.method": kind[0],
            "url.scheme": kind[1],
            "http.response.status_code": status,
        }
        if route is not None:
            attributes["http.route"] = route
        if status >= 500:
            attributes["error.type"] = str(status)
        self._duration.record(seconds, (kind, status, route), attributes, context)

    def _observe_active(self, _options: CallbackOptions) -> list[Observation]:
        with self._lock:
            counts = list(self._active.items())
        return [
            Observation(count, {"http.request.method": method, "url.scheme": scheme})
            for (method, scheme), count in counts
        ]
