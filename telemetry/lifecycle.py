"""Start and stop telemetry in this process; all functions are harmless before the start."""

from __future__ import annotations

import importlib
import os
import time
from typing import TYPE_CHECKING

from telemetry.config import Config
from telemetry.logs import LogPipeline, install
from telemetry.worker import WorkerTelemetry

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["health", "instrument", "log_to_stdout", "prepare", "prometheus_text", "start", "stop"]

_worker: WorkerTelemetry | None = None


def prepare(config: Config) -> Config:
    """Do once what all workers share: ask ECS which task this is (1 s), import the SDK.

    Call it in the master before it forks; it starts no thread. Return the completed config.
    """
    if config.uses_otel:
        for module in ("telemetry.instruments", "telemetry.instrumentation", "telemetry.otel"):
            importlib.import_module(module)
    return config.with_task_metadata()


def start(config: Config, slot: int = 0) -> None:
    """Start providers, log pipeline and threads in this process, without any network call.

    Call it after the fork and before the application is loaded. `slot` is the lowest number that
    no other living worker of this task holds. A second start is ignored.
    """
    global _worker  # noqa: PLW0603  # one process, one telemetry
    if _worker is None:
        _worker = WorkerTelemetry(config, slot)


def log_to_stdout(config: Config | None) -> None:
    """Send all log records to stdout as JSON; for processes, as gunicorn's master, without more."""
    config = config or Config.named(os.environ)
    install(config, LogPipeline(config))


def instrument(app: Flask) -> None:
    """Make spans, measurements and one log line for each of the app's requests.

    Call it straight after `Flask()`: a `before_request` registered earlier could answer unseen.
    """
    if _worker is not None:
        _worker.instrument(app)


def stop(budget: float = 13.0) -> None:
    """Flush spans, then metrics, then logs; return within `budget` seconds whatever happens."""
    global _worker  # noqa: PLW0603
    if _worker is not None:
        _worker.stop(budget)
        _worker = None


def health() -> dict[str, object]:
    """Return the telemetry's part of /healthz from kept state, without any I/O."""
    worker = _worker
    config = worker.config if worker else Config.named(os.environ)
    tracing = worker.tracing if worker else None
    metering = worker.metering if worker and config.otlp_endpoint else None
    shipper = worker.shipper if worker else None
    works = {
        "otel_tracing": tracing.signal.works if tracing else None,
        "otel_metrics": metering.signal.works if metering else None,
        "loki_logging": shipper.pusher.works if shipper else None,
    }
    answer: dict[str, object] = {"status": "degraded" if False in works.values() else "ok"}
    for signal, working in works.items():
        answer[signal] = working is not None
        answer[f"{signal}_works"] = bool(working)
    answer["service_name"] = config.service_name
    answer["environment"] = config.environment
    answer["timestamp"] = int(time.time())
    return answer


def prometheus_text() -> bytes | None:
    """Return this worker's metrics as Prometheus text, or None unless ENV=local."""
    return _worker.metering.prometheus_text() if _worker and _worker.metering else None
