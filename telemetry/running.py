"""Everything telemetry runs in one worker process, and the order in which it ends."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from telemetry import logs
from telemetry.config import Config
from telemetry.lines import Line, Renderer
from telemetry.logs import LogPipeline
from telemetry.loki.queue import LineQueue
from telemetry.loki.shipper import Shipper
from telemetry.middleware import Observe, RequestLog
from telemetry.watch import Report, Watch

if TYPE_CHECKING:
    from flask import Flask

    from telemetry.otel import Metering, Tracing

log = logging.getLogger("telemetry")

SIGNALS = ("otel_tracing", "otel_metrics", "loki_logging")
_EXTENSION = "telemetry"
# Shares of the budget; logs get what the others left.
_SPANS = 5 / 13
_METRICS = 3 / 13


class WorkerTelemetry:
    """The telemetry of one worker; nothing here waits for a network."""

    def __init__(self, config: Config, slot: int) -> None:
        self.config = config
        self.shipper = _shipper(config, slot) if config.loki_endpoint else None
        self.pipeline = LogPipeline(config, self.shipper.queue if self.shipper else None)
        self._handler = logs.install(config, self.pipeline)
        self.tracing: Tracing | None = None
        self.metering: Metering | None = None
        if config.uses_otel:
            try:
                self._start_otel(config, slot)
            except Exception:
                # An OTEL_* variable that the SDK cannot read, a certificate that is not there:
                # the service serves, and /healthz says degraded.
                log.exception("OpenTelemetry did not start")
        self.report = Report(self.losses, why=self._why)
        self._watch = Watch(self._failing, self.report) if self._configured else None
        self._stopped = False

    @property
    def _configured(self) -> bool:
        return bool(self.config.otlp_endpoint or self.config.loki_endpoint)

    def _start_otel(self, config: Config, slot: int) -> None:
        # Imported only where it is used: the SDK costs 30 MiB and half a second.
        from telemetry import instruments, otel  # noqa: PLC0415

        otel.choose_conventions()
        described = otel.resource(config, slot)
        traces = config.signal_endpoint("traces")
        self.tracing = otel.Tracing(config, traces, described) if traces else None
        self.metering = otel.Metering(config, config.signal_endpoint("metrics"), described)
        meter = self.metering.provider.get_meter("telemetry")
        instruments.observe_process(meter)
        instruments.observe_reports(meter)
        instruments.observe_stdout(meter, lambda: self.pipeline.unwritten)
        if self.tracing:
            instruments.observe_exports(meter, [self.tracing.signal, self.metering.signal])
        instruments.observe_failing(meter, self._signals_that_work)
        if self.shipper:
            instruments.observe_loki(meter, self.shipper)

    def instrument(self, app: Flask) -> Observe | None:
        """Wrap the application: OpenTelemetry inside, the request's log line outside.

        Return what records answers that are given without it, or None if only those of Flask
        can be recorded.
        """
        if _EXTENSION in app.extensions:
            known: Observe | None = app.extensions[_EXTENSION]
            return known
        spans = None
        if self.metering:
            from telemetry import instrumentation  # noqa: PLC0415  # see _start_otel

            spans = instrumentation.instrument_flask(app)
            if self.tracing:
                instrumentation.instrument_clients()
        log = RequestLog(app.wsgi_app, self.pipeline, spans)
        app.wsgi_app = log  # type: ignore[method-assign]
        observe = None if self.metering and spans is None else log.observe
        app.extensions[_EXTENSION] = observe
        return observe

    def _failing(self) -> list[Callable[[], None]]:
        """Return the probes of what has not worked last."""
        probes: list[Callable[[], None]] = []
        if self.tracing and not self.tracing.signal.works:
            probes.append(self.tracing.exporter.probe)
        if self.metering and self.metering.reader and not self.metering.signal.works:
            probes.append(self.metering.probe)
        if self.shipper and not self.shipper.works:
            probes.append(self.shipper.probe)
        return probes

    def works(self) -> dict[str, bool]:
        """Tell of each signal whether its last export was accepted."""
        reader = self.metering.reader if self.metering else None
        return {
            "otel_tracing": self.tracing is not None and self.tracing.signal.works,
            "otel_metrics": self.metering is not None
            and reader is not None
            and self.metering.signal.works,
            "loki_logging": self.shipper is not None and self.shipper.works,
        }

    def _signals_that_work(self) -> dict[str, bool]:
        """Tell of each signal that is sent anywhere whether its last export was accepted."""
        works = {}
        if self.tracing:
            works["traces"] = self.tracing.signal.works
        if self.metering and self.metering.reader:
            works["metrics"] = self.metering.signal.works
        if self.shipper:
            works["logs"] = self.shipper.works
        return works

    def losses(self) -> dict[str, int]:
        """Count what was given up, by kind and reason, since the start."""
        lost = {"log lines, stdout": self.pipeline.unwritten}
        if self.tracing:
            lost["spans"] = self.tracing.signal.lost()
        if self.metering:
            lost["metric exports"] = self.metering.signal.failed_exports
        if self.shipper:
            for reason, count in self.shipper.lost().items():
                lost[f"log lines, {reason}"] = count
        return lost

    def _why(self) -> dict[str, str]:
        """Tell of each kind that is lost who did not take it last, and why."""
        peers = {"log lines": self.shipper.peer if self.shipper else None}
        if self.tracing:
            peers["spans"] = self.tracing.exporter.peer
        if self.metering and self.metering.exporter:
            peers["metric exports"] = self.metering.exporter.peer
        return {kind: peer.why for kind, peer in peers.items() if peer and peer.why}

    def stop(self, budget: float) -> None:
        """Flush spans, then metrics, then logs, all within `budget` seconds; say what was lost."""
        if self._stopped:
            return
        self._stopped = True
        end = time.monotonic() + budget
        if self._watch:
            self._watch.stop()
        if self.tracing:
            bounded(self.tracing.provider.shutdown, budget * _SPANS)
            self.tracing.signal.give_up()
        if self.metering:
            bounded(self.metering.end, budget * _METRICS)
        if self.shipper:
            self.shipper.stop(max(end - time.monotonic(), 0))
        logs.uninstall(self._handler)
        self.report.say("Telemetry was lost; the worker ends")


def bounded(step: Callable[[], object], seconds: float) -> bool:
    """Run the step in a thread for at most so many seconds; return whether it ended."""

    def run() -> None:
        with contextlib.suppress(Exception):
            step()

    thread = threading.Thread(target=run, name="telemetry-flush", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def _shipper(config: Config, slot: int) -> Shipper:
    labels = {"service_name": config.service_name, "environment": config.environment}
    renderer = Renderer(config.service_name, config.environment)

    def probe() -> Line:
        line = renderer.record(
            logging.LogRecord("telemetry", logging.INFO, "", 0, "Loki takes lines", (), None)
        )
        line.timestamp = time.time_ns()
        return line

    return Shipper(str(config.loki_endpoint), labels, LineQueue(slot), probe)
