"""Server spans and HTTP metrics from Flask, client spans from psycopg and redis-py."""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec
from typing import Any

import flask
from opentelemetry.trace import Span
from opentelemetry.util.http import sanitize_method

from telemetry.context import UNTRACED_PATHS, Request
from telemetry.middleware import REQUEST_KEY
from telemetry.redact import redact_path
from telemetry.server_spans import ServerSpans

# The library searches the whole URL, query included: tie the pattern to the path.
UNTRACED = r"^[^/?#]*://[^/?#]*/(?:healthz|metrics|api/metrics)(?:[?#]|$)"
_CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_"
_CLIENTS = {
    "psycopg": ("opentelemetry.instrumentation.psycopg", "PsycopgInstrumentor"),
    "redis": ("opentelemetry.instrumentation.redis", "RedisInstrumentor"),
}


def instrument_flask(app: flask.Flask) -> ServerSpans | None:
    """Make a server span and a measurement for each request.

    The stock instrumentation does it where headers are to be captured, which it alone can, and
    then None is returned; else ours does, with the same result at a fraction of the cost
    (docs/decisions/0005).
    """
    if any(name.startswith(_CAPTURE) for name in os.environ):
        instrument_flask_stock(app)
        return None
    return ServerSpans(app, UNTRACED_PATHS)


def instrument_flask_stock(app: flask.Flask) -> None:
    """Use OpenTelemetry's own Flask instrumentation; harmless when done twice."""
    # Loaded where it is used: it takes as long as Flask itself.
    from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: PLC0415

    FlaskInstrumentor.instrument_app(  # type: ignore[no-untyped-call]
        app,
        request_hook=_started,
        response_hook=_answered,
        excluded_urls=UNTRACED,
        enable_commenter=False,  # it attaches a context that nobody detaches
    )


def instrument_clients() -> None:
    """Make a client span for each statement and command, of the libraries that are there."""
    for library, (module, name) in _CLIENTS.items():
        if find_spec(library) is not None:
            instrumentor = getattr(importlib.import_module(module), name)()
            if not instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.instrument()


def _started(span: Span, environ: dict[str, Any]) -> None:
    request = environ.get(REQUEST_KEY)
    if not isinstance(request, Request) or not span.get_span_context().is_valid:
        return
    context = span.get_span_context()
    request.trace_id = f"{context.trace_id:032x}"
    request.span_id = f"{context.span_id:016x}"
    if flask.request.url_rule is None:
        # The library would put the path into the name of what no route matches.
        method = sanitize_method(request.method)
        span.update_name("HTTP" if method == "_OTHER" else method)
    span.set_attribute("request_id", request.request_id)
    if request.amzn_trace_id is not None:
        span.set_attribute("aws.xray.trace_header", request.amzn_trace_id)


def _answered(span: Span | None, _status: str, _headers: list[tuple[str, str]]) -> None:
    # The query may be anybody's secret; only now do the instrumentation's own attributes stand.
    if span is not None and span.is_recording():
        attributes = getattr(span, "attributes", None) or {}
        if "url.query" in attributes:
            span.set_attribute("url.query", "***")
        if path := attributes.get("url.path"):
            span.set_attribute("url.path", redact_path(path))
