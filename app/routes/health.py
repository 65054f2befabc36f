"""`/healthz`, `/api/health` and, on a developer's machine, `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec
from flask import Blueprint, Response

from app.model.errors import NotFound
from app.routes.answers import json_answer
from app.routes.schemas import Health, Liveness

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def health_blueprint(
    *,
    postgres: Callable[[], bool],
    redis: Callable[[], bool],
    telemetry: Callable[[], Mapping[str, object]],
    prometheus: Callable[[], bytes | None] | None,
) -> Blueprint:
    """Return the probes; `prometheus` is None where `/metrics` must not exist."""
    blueprint = Blueprint("health", __name__)
    checks = ThreadPoolExecutor(2, thread_name_prefix="health")

    @blueprint.get("/healthz")
    def alive() -> Response:
        return json_answer(msgspec.convert(telemetry(), Liveness))

    @blueprint.get("/api/health")
    def dependencies() -> Response:
        asked = checks.submit(redis)
        healthy = postgres()
        body = Health(
            status="healthy" if healthy else "unhealthy",
            redis=asked.result(),
            postgres=healthy,
            timestamp=int(time.time()),
        )
        return json_answer(body, 200 if healthy else 503)

    @blueprint.get("/metrics")
    @blueprint.get("/api/metrics")
    def metrics() -> Response:
        text = prometheus() if prometheus else None
        if text is None:
            raise NotFound
        return Response(text, content_type=PROMETHEUS_TEXT)

    return blueprint
