"""Server spans and HTTP metrics of an application, as the stock Flask instrumentation makes them.

OpenTelemetry's Flask instrumentation costs four bare views (docs/performance.md): it collects the
attributes of a request twice and sets them twice, builds the URL to look for exclusions, and reads
the environment for headers to capture. This module emits the same spans and measurements from one
look at the request; tests/performance/test_server_spans.py compares every attribute of both.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from functools import lru_cache
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

import flask
from flask.globals import request_ctx
from opentelemetry import context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.wsgi import wsgi_getter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.propagate import extract, get_global_textmap
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.http import detect_synthetic_user_agent, sanitize_method

from telemetry.context import Request
from telemetry.redact import redact_path

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SCOPE = "telemetry"
_SCHEMA = "https://opentelemetry.io/schemas/1.21.0"
_KEY = "telemetry.server_span"
_REQUEST = "telemetry.request"
_MASK = "***"
# Seconds (OpenTelemetry semantic conventions, HTTP metrics).
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

Attributes = dict[str, str | int]


class _Served:
    """What is known of one request while it is served."""

    __slots__ = (
        "context",
        "error",
        "method",
        "raised",
        "returned",
        "route",
        "span",
        "started",
        "status",
        "token",
    )

    def __init__(self, method: str) -> None:
        self.started = time_ns()
        self.method = method
        self.span: Span = trace.INVALID_SPAN
        self.token: Any = None
        self.context: weakref.ref[Any] | None = None
        """Flask's, as long as it has not ended."""
        self.returned = False
        """The application has returned its answer's body."""
        self.raised: BaseException | None = None
        self.route: str | None = None
        self.status = 0
        self.error: str | None = None


class ServerSpans:
    """Wraps an application; `untraced` are paths that make neither a span nor a measurement."""

    def __init__(self, app: flask.Flask, untraced: frozenset[str]) -> None:
        self._untraced = untraced
        self._app: WSGIApplication = app.wsgi_app
        self._tracer = trace.get_tracer(_SCOPE, schema_url=_SCHEMA)
        meter = metrics.get_meter(_SCOPE, schema_url=_SCHEMA)
        self._duration = meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        # A number in memory that the exporter reads; the SDK's own counter takes 10 µs to add one.
        self._active: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        meter.create_observable_up_down_counter(
            "http.server.active_requests",
            callbacks=[self._observe_active],
            unit="{request}",
            description="Number of active HTTP server requests.",
        )
        self._carriers = tuple(
            "HTTP_" + name.upper().replace("-", "_") for name in get_global_textmap().fields
        )
        app.wsgi_app = self  # type: ignore[method-assign]
        app.before_request(_tell_route)
        app.teardown_request(_tell_end)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        begun = perf_counter()
        method = _method(environ["REQUEST_METHOD"])
        kind = (method, environ["wsgi.url_scheme"])
        if _path(environ) in self._untraced:
            self._count(kind, 1)
            try:
                return self._app(environ, start_response)
            finally:
                self._count(kind, -1)
        served = environ[_KEY] = _Served(method)

        def start(status: str, *rest: Any) -> Any:
            _answered(served, status)
            return start_response(status, *rest)

        self._count(kind, 1)
        parent = self._start(environ, served, environ.get(_REQUEST))
        served.token = context.attach(trace.set_span_in_context(served.span, parent))
        try:
            body = self._app(environ, start)
            if served.status:
                self._measure(served, kind[1], perf_counter() - begun)
            return body
        finally:
            served.returned = True
            if served.context is None:
                _end(served)
            self._count(kind, -1)

    def answered(self, environ: WSGIEnvironment, request: Request, route: str, status: str) -> None:
        """Make span and measurement of an answer that was given without the application."""
        method = _method(environ["REQUEST_METHOD"])
        kind = (method, environ["wsgi.url_scheme"])
        served = _Served(method)
        served.started -= int((perf_counter() - request.started) * 1e9)
        served.route = route
        self._count(kind, 1)
        self._start(environ, served, request)
        _answered(served, status)
        served.span.end()
        self._measure(served, kind[1], perf_counter() - request.started)
        self._count(kind, -1)

    def _start(self, environ: WSGIEnvironment, served: _Served, request: object) -> Context:
        """Start the span and return the context it was started in."""
        attributes = _attributes(environ, served.method)
        if isinstance(request, Request):
            attributes["request_id"] = request.request_id
            if request.amzn_trace_id is not None:
                attributes["aws.xray.trace_header"] = request.amzn_trace_id
        if served.route is not None:
            attributes["http.route"] = served.route
        parent = context.get_current()
        kind = SpanKind.INTERNAL
        if trace.get_current_span(parent) is trace.INVALID_SPAN:
            kind = SpanKind.SERVER
            for carrier in self._carriers:
                if carrier in environ:
                    parent = extract(environ, getter=wsgi_getter)
                    break
        served.span = self._tracer.start_span(
            _name(served.method, served.route), parent, kind, attributes, start_time=served.started
        )
        ids = served.span.get_span_context()
        if isinstance(request, Request) and ids.is_valid:
            request.trace_id = f"{ids.trace_id:032x}"
            request.span_id = f"{ids.span_id:016x}"
        return parent

    def _measure(self, served: _Served, scheme: str, seconds: float) -> None:
        attributes: Attributes = {
            "http.request.method": served.method,
            "url.scheme": scheme,
            "http.response.status_code": served.status,
        }
        if served.route is not None:
            attributes["http.route"] = served.route
        if served.error is not None:
            attributes["error.type"] = served.error
        self._duration.record(seconds, attributes, trace.set_span_in_context(served.span))

    def _count(self, kind: tuple[str, str], step: int) -> None:
        with self._lock:
            self._active[kind] = self._active.get(kind, 0) + step

    def _observe_active(self, _options: CallbackOptions) -> list[Observation]:
        with self._lock:
            counts = list(self._active.items())
        return [
            Observation(count, {"http.request.method": method, "url.scheme": scheme})
            for (method, scheme), count in counts
        ]


def _tell_route() -> None:
    """Note which of Flask's routes was found, before anything of the application runs."""
    current = request_ctx._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    request: flask.Request = current.request  # not through a proxy each time
    served: _Served | None = request.environ.get(_KEY)
    # A view may push contexts of its own for the same request (copy_current_request_context).
    if served is None or served.context is not None:
        return
    served.context = weakref.ref(current)
    if request.url_rule is not None:
        served.route = request.url_rule.rule
        served.span.set_attribute("http.route", served.route)
        served.span.update_name(_name(served.method, served.route))


def _tell_end(error: BaseException | None) -> None:
    """Note what the request ended with; an answer that is streamed ends after it was returned."""
    current = request_ctx._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    served: _Served | None = current.request.environ.get(_KEY)
    if served is None or served.context is None or served.context() is not current:
        return
    served.context = None
    served.raised = error
    if served.returned:
        _end(served)


def _end(served: _Served) -> None:
    context.detach(served.token)
    span, error = served.span, served.raised
    if isinstance(error, Exception) and span.is_recording():
        span.record_exception(error)
        span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
    span.end()


def _answered(served: _Served, status: str) -> None:
    served.status = int(status[:3])
    span = served.span
    span.set_attribute("http.response.status_code", served.status)
    if served.status >= 500:
        served.error = status[:3]
        span.set_attribute("error.type", served.error)
        span.set_status(Status(StatusCode.ERROR))


def _name(method: str, route: str | None) -> str:
    named = "HTTP" if method == "_OTHER" else method
    return named if route is None else f"{named} {route}"


def _attributes(environ: WSGIEnvironment, method: str) -> Attributes:
    """Collect what the conventions want of a request (HTTP server spans, stable)."""
    attributes: Attributes = {
        "http.request.method": method,
        "url.scheme": environ["wsgi.url_scheme"],
    }
    get: Callable[..., Any] = environ.get
    given = environ["REQUEST_METHOD"].strip()
    if given != method:
        attributes["http.request.method_original"] = given
    if host := get("HTTP_HOST"):
        attributes["server.address"] = host
    if port := get("SERVER_PORT"):
        attributes["server.port"] = int(port)
    if get("RAW_URI") or get("REQUEST_URI"):
        if path := get("PATH_INFO"):
            attributes["url.path"] = redact_path(path)
        if get("QUERY_STRING"):
            attributes["url.query"] = _MASK  # it may be anybody's secret
    if version := get("SERVER_PROTOCOL", "").upper().removeprefix("HTTP/"):
        attributes["network.protocol.version"] = version
    _add_client(attributes, get)
    return attributes


def _add_client(attributes: Attributes, get: Callable[..., Any]) -> None:
    if address := get("REMOTE_ADDR"):
        attributes["client.address"] = address
    if port := get("REMOTE_PORT"):
        attributes["client.port"] = int(port)
    if agent := get("HTTP_USER_AGENT"):
        attributes["user_agent.original"] = agent
        if synthetic := _synthetic(agent):
            attributes["user_agent.synthetic.type"] = synthetic


def _path(environ: WSGIEnvironment) -> str:
    return f"{environ.get('SCRIPT_NAME', '')}/{environ.get('PATH_INFO', '').lstrip('/')}"


@lru_cache(maxsize=64)
def _method(given: str) -> str:
    return sanitize_method(given).strip()


@lru_cache(maxsize=1024)
def _synthetic(agent: str) -> str | None:
    return detect_synthetic_user_agent(agent)
