"""Start and stop telemetry in this process; all functions are harmless before the start."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telemetry import otel_environment
from telemetry.config import Config
from telemetry.context import SERVED_KEY
from telemetry.logs import LogPipeline, install
from telemetry.middleware import Observe, unobserved
from telemetry.running import SIGNALS, WorkerTelemetry

if TYPE_CHECKING:
    from flask import Flask

OTEL_MODULES = ("telemetry.instruments", "telemetry.instrumentation", "telemetry.otel")

__all__ = [
    "Description",
    "describe",
    "health",
    "instrument",
    "log_to_stdout",
    "prepare",
    "prometheus_text",
    "start",
    "stop",
    "tell_route",
]

_worker: WorkerTelemetry | None = None


def prepare(config: Config) -> Config:
    """Do once what all workers share: ask ECS which task this is (3 s at most), import the SDK.

    Call it in the master before it forks; it starts no thread. Return the completed config. Called
    again with that, it asks again what was not answered, for the workers that are still to come.
    """
    otel_environment.unwrap(os.environ)  # some are read while the SDK is imported
    # What cannot be imported is told by the worker that needs it.
    with contextlib.suppress(Exception):
        for module in OTEL_MODULES if config.uses_otel else ():
            importlib.import_module(module)
    return config.with_task_metadata()


def start(config: Config, slot: int = 0) -> None:
    """Start providers, log pipeline and threads in this process, without any network call.

    Call it after the fork and before the application is loaded. `slot` is the lowest number that
    no other living worker of this task holds. A second start is ignored.
    """
    global _worker  # noqa: PLW0603  # one process, one telemetry
    if _worker is None:
        otel_environment.unwrap(os.environ)
        _worker = WorkerTelemetry(config, slot)


def log_to_stdout(config: Config | None) -> None:
    """Send all log records to stdout as JSON; for processes, as gunicorn's master, without more."""
    config = config or Config.named(os.environ)
    install(config, LogPipeline(config))


def tell_route(environ: dict[str, Any], route: str) -> None:
    """Say which route a request belongs to that is answered inside the spans, and before Flask."""
    served = environ.get(SERVED_KEY)
    if served is not None:
        served.tell(route)


def instrument(app: Flask) -> Observe | None:
    """Make spans, measurements and one log line for each of the app's requests.

    Call it straight after `Flask()`: a `before_request` registered earlier could answer unseen.
    Return what records, in the same way, an answer that is given before Flask; or None where
    that cannot be recorded, since headers are to be captured: then all must go through Flask.
    """
    return unobserved if _worker is None else _worker.instrument(app)


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
    works = worker.works() if worker else dict.fromkeys(SIGNALS, False)
    endpoints = (config.otlp_endpoint, config.otlp_endpoint, config.loki_endpoint)
    configured = {signal: bool(url) for signal, url in zip(SIGNALS, endpoints, strict=True)}
    broken = any(configured[signal] and not works[signal] for signal in SIGNALS)
    answer: dict[str, object] = {"status": "degraded" if broken else "ok"}
    for signal in SIGNALS:
        answer[signal] = configured[signal]
        answer[f"{signal}_works"] = works[signal]
    answer["service_name"] = config.service_name
    answer["environment"] = config.environment
    answer["timestamp"] = int(time.time())
    return answer


@dataclass(frozen=True, slots=True)
class Description:
    """What telemetry is in this process: names, places, and whether it works."""

    instance: str
    """The task or host."""
    version: str
    environment: str
    otlp_endpoint: str | None
    loki_endpoint: str | None
    sampler: str
    log_level: str
    works: Mapping[str, bool]
    """Of each configured signal, whether its last export was accepted."""
    unwritten: int
    """Log lines so far that standard output did not take."""


def describe() -> Description:
    """Return what there is to know of this process' telemetry, from kept state."""
    worker = _worker
    config = worker.config if worker else Config.named(os.environ)
    state = health()
    return Description(
        instance=config.instance,
        version=config.service_version,
        environment=config.environment,
        otlp_endpoint=config.otlp_endpoint,
        loki_endpoint=config.loki_endpoint,
        sampler=config.sampler,
        log_level=logging.getLevelName(config.log_level).lower(),
        works={signal: bool(state[f"{signal}_works"]) for signal in SIGNALS if state[signal]},
        unwritten=worker.pipeline.unwritten if worker else 0,
    )


def prometheus_text() -> bytes | None:
    """Return this worker's metrics as Prometheus text, or None unless ENV=local."""
    return _worker.metering.prometheus_text() if _worker and _worker.metering else None
