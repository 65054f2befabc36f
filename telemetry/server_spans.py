"""Server spans and HTTP metrics of an application, as the stock Flask instrumentation makes them.

OpenTelemetry's Flask instrumentation costs four bare views (docs/performance.md): it collects the
attributes of a request twice and sets them twice, builds the URL to look for exclusions, and reads
the environment for headers to capture. This module emits the same spans and measurements from one
look at the request, for answers of Flask and for those given before it;
tests/performance/test_server_spans.py compares every attribute with the stock ones.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

import flask
from flask.globals import request_ctx
from opentelemetry import context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.wsgi import wsgi_getter
from opentelemetry.propagate import extract, get_global_textmap
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode

from telemetry.context import SERVED_KEY, Request
from telemetry.finished_spans import finished_spans
from telemetry.http_attributes import attributes_of, method_of, span_name
from telemetry.http_metrics import HttpMetrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SCOPE = "telemetry"
_SCHEMA = "https://opentelemetry.io/schemas/1.21.0"
_KEY = SERVED_KEY
_REQUEST = "telemetry.request"
_NO_CONTEXT = Context()


class _Served:
    """What is known of one request while an application serves it."""

    __slots__ = ("context", "method", "raised", "returned", "route", "span", "status", "token")

    def __init__(self, method: str) -> None:
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

    def tell(self, route: str) -> None:
        """Note which route the request belongs to."""
        self.route = route
        self.span.set_attribute("http.route", route)
        self.span.update_name(span_name(self.method, route))


class ServerSpans:
    """Wraps an application; `untraced` are paths that make neither a span nor a measurement."""

    def __init__(self, app: flask.Flask, untraced: frozenset[str]) -> None:
        self._untraced = untraced
        self._app: WSGIApplication = app.wsgi_app
        self._tracer = trace.get_tracer(_SCOPE, schema_url=_SCHEMA)
        self._finished = finished_spans(self._tracer, _SCOPE, _SCHEMA)
        self._metrics = HttpMetrics(metrics.get_meter(_SCOPE, schema_url=_SCHEMA))
        self._carriers = frozenset(
            "HTTP_" + name.upper().replace("-", "_") for name in get_global_textmap().fields
        )
        app.wsgi_app = self  # type: ignore[method-assign]
        app.before_request(_tell_route)
        app.teardown_request(_tell_end)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        begun = perf_counter()
        method = method_of(environ["REQUEST_METHOD"])
        kind = (method, environ["wsgi.url_scheme"])
        self._metrics.begin(kind)
        try:
            if _path(environ) in self._untraced:
                return self._app(environ, start_response)
            served = environ[_KEY] = _Served(method)
            body = self._serve(environ, start_response, served)
            if served.status:
                spanned = trace.set_span_in_context(served.span)
                seconds = perf_counter() - begun
                self._metrics.measure(seconds, kind, served.status, served.route, spanned)
            return body
        finally:
            self._metrics.end(kind)

    def answered(self, environ: WSGIEnvironment, request: Request, route: str) -> None:
        """Make span and measurement of an answer that was given without the application."""
        method = method_of(environ["REQUEST_METHOD"])
        kind = (method, environ["wsgi.url_scheme"])
        self._metrics.begin(kind)
        status = request.status
        attributes = attributes_of(environ, method, request)
        attributes["http.route"] = route
        attributes["http.response.status_code"] = status
        if status >= 500:
            attributes["error.type"] = str(status)
        parent = self._parent(environ) or _NO_CONTEXT
        name = span_name(method, route)
        started = time_ns() - int((perf_counter() - request.started) * 1e9)
        if self._finished:
            ids = self._finished.finish(name, parent, attributes, started, error=status >= 500)
        else:
            span = self._tracer.start_span(
                name, parent, SpanKind.SERVER, attributes, start_time=started
            )
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            span.end()
            ids = span.get_span_context()
        _tell_ids(request, ids)
        spanned = trace.set_span_in_context(NonRecordingSpan(ids), _NO_CONTEXT)
        self._metrics.measure(perf_counter() - request.started, kind, status, route, spanned)
        self._metrics.end(kind)

    def _serve(
        self, environ: WSGIEnvironment, start_response: StartResponse, served: _Served
    ) -> Iterable[bytes]:
        def start(status: str, *rest: Any) -> Any:
            _answered(served, status)
            return start_response(status, *rest)

        request = environ.get(_REQUEST)
        attributes = attributes_of(environ, served.method, request)
        parent = context.get_current()
        kind = SpanKind.INTERNAL
        if trace.get_current_span(parent) is trace.INVALID_SPAN:
            kind = SpanKind.SERVER
            parent = self._parent(environ) or parent
        name = span_name(served.method, None)
        served.span = self._tracer.start_span(name, parent, kind, attributes)
        if isinstance(request, Request):
            _tell_ids(request, served.span.get_span_context())
        served.token = context.attach(trace.set_span_in_context(served.span, parent))
        try:
            return self._app(environ, start)
        finally:
            served.returned = True
            if served.context is None:
                _end(served)

    def _parent(self, environ: WSGIEnvironment) -> Context | None:
        """Return what the client told of its own span and baggage, or None."""
        if self._carriers.isdisjoint(environ):
            return None
        return extract(environ, getter=wsgi_getter)


def _tell_ids(request: Request, ids: SpanContext) -> None:
    if ids.is_valid:
        request.trace_id = f"{ids.trace_id:032x}"
        request.span_id = f"{ids.span_id:016x}"


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
        served.tell(request.url_rule.rule)


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
        span.set_attribute("error.type", status[:3])
        span.set_status(Status(StatusCode.ERROR))


def _path(environ: WSGIEnvironment) -> str:
    return f"{environ.get('SCRIPT_NAME', '')}/{environ.get('PATH_INFO', '').lstrip('/')}"
