"""Serve many kinds of requests with one instrumentation and print, as JSON, all it recorded.

`python -m tests.performance.observed stock|ours|short [sampler ratio]`; `short` is ours, with all
that is asked of `/items/<name>` answered before Flask.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import flask
from opentelemetry import metrics, propagate, trace
from opentelemetry.baggage import get_all
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider, sampling
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry import otel
from telemetry.context import Request
from telemetry.middleware import RequestLog

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
BASE = {
    "REQUEST_METHOD": "GET",
    "SERVER_NAME": "0.0.0.0",
    "SERVER_PORT": "8080",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SCRIPT_NAME": "",
    "QUERY_STRING": "",
    "REMOTE_ADDR": "203.0.113.7",
    "REMOTE_PORT": "51234",
    "HTTP_HOST": "s.example",
    "HTTP_USER_AGENT": "Mozilla/5.0",
    "HTTP_X_REQUEST_ID": "req-1",
    "wsgi.url_scheme": "http",
    "wsgi.errors": sys.stderr,
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def _traced(flags: str) -> dict[str, str | None]:
    return {"HTTP_TRACEPARENT": f"00-{TRACE}-{PARENT}-{flags}", "HTTP_TRACESTATE": "a=b"}


# What differs from a plain GET; None takes a variable away.
REQUESTS: dict[str, dict[str, str | None]] = {
    "plain": {"PATH_INFO": "/items/abc"},
    "another path of the route": {"PATH_INFO": "/items/def"},
    "HEAD": {"PATH_INFO": "/items/abc", "REQUEST_METHOD": "HEAD"},
    "POST": {"PATH_INFO": "/items/abc", "REQUEST_METHOD": "POST"},
    "OPTIONS": {"PATH_INFO": "/items/abc", "REQUEST_METHOD": "OPTIONS"},
    "a query": {"PATH_INFO": "/items/abc", "QUERY_STRING": "key=s3cret"},
    "no route": {"PATH_INFO": "/nope/x"},
    "somebody's URL": {"PATH_INFO": "/items/https:/u:s3cret@e.com"},
    "somebody's URL, encoded twice": {
        "PATH_INFO": "/items/https%3A%2F%2Fu%3As3cret%40e.com%3Fs3cret",
    },
    "method not allowed": {"PATH_INFO": "/items/abc", "REQUEST_METHOD": "DELETE"},
    "unknown method": {"PATH_INFO": "/items/abc", "REQUEST_METHOD": "BREW"},
    "method in small letters": {"PATH_INFO": "/items/abc", "REQUEST_METHOD": "get"},
    "unknown method, no route": {"PATH_INFO": "/nope", "REQUEST_METHOD": "BREW"},
    "redirect to the slash": {"PATH_INFO": "/folder"},
    "aborted 500": {"PATH_INFO": "/status/500"},
    "aborted 503": {"PATH_INFO": "/status/503"},
    "aborted 404": {"PATH_INFO": "/status/404"},
    "raises": {"PATH_INFO": "/raises"},
    "raises, handled": {"PATH_INFO": "/handled"},
    "raises past Flask": {"PATH_INFO": "/exits"},
    "streams": {"PATH_INFO": "/stream"},
    "a context of its own": {"PATH_INFO": "/copied"},
    "answered before the view": {"PATH_INFO": "/early"},
    "active requests": {"PATH_INFO": "/active"},
    "untraced": {"PATH_INFO": "/healthz"},
    "untraced metrics": {"PATH_INFO": "/metrics", "QUERY_STRING": "a=b"},
    "untraced other metrics": {"PATH_INFO": "/api/metrics"},
    "untraced with two slashes": {"PATH_INFO": "//healthz"},
    "not quite untraced": {"PATH_INFO": "/healthz/x"},
    "under another root": {"PATH_INFO": "/healthz", "SCRIPT_NAME": "/root"},
    "untraced only in the query": {"PATH_INFO": "/items/abc", "QUERY_STRING": "x=/healthz"},
    "no agent": {"PATH_INFO": "/items/abc", "HTTP_USER_AGENT": None},
    "empty agent": {"PATH_INFO": "/items/abc", "HTTP_USER_AGENT": ""},
    "a bot": {"PATH_INFO": "/items/abc", "HTTP_USER_AGENT": BOT},
    "a test": {"PATH_INFO": "/items/abc", "HTTP_USER_AGENT": "AlwaysOn"},
    "no host": {"PATH_INFO": "/items/abc", "HTTP_HOST": None, "SERVER_PROTOCOL": "HTTP/1.0"},
    "IPv6 host": {"PATH_INFO": "/items/abc", "HTTP_HOST": "[2001:db8::1]:8443"},
    "odd host": {"PATH_INFO": "/items/abc", "HTTP_HOST": "a b"},
    "https": {"PATH_INFO": "/items/abc", "wsgi.url_scheme": "https"},
    "odd scheme": {"PATH_INFO": "/items/abc", "wsgi.url_scheme": "gopher"},
    "no address": {"PATH_INFO": "/items/abc", "REMOTE_ADDR": None, "REMOTE_PORT": None},
    "no protocol": {"PATH_INFO": "/items/abc", "SERVER_PROTOCOL": "FTP/3"},
    "no raw URI": {"PATH_INFO": "/items/abc", "QUERY_STRING": "a=b", "RAW_URI": None},
    "non-ASCII path": {"PATH_INFO": "/items/\xc3\xa9"},
    "undecodable path": {"PATH_INFO": "/items/\xff"},
    "X-Ray": {"PATH_INFO": "/items/abc", "HTTP_X_AMZN_TRACE_ID": "Root=1-2-3"},
    "parent": {"PATH_INFO": "/items/abc", **_traced("01")},
    "parent, not sampled": {"PATH_INFO": "/items/abc", **_traced("00")},
    "parent, malformed": {"PATH_INFO": "/items/abc", "HTTP_TRACEPARENT": "00-zz-yy-01"},
    "state without parent": {"PATH_INFO": "/items/abc", "HTTP_TRACESTATE": "a=b"},
    "baggage": {"PATH_INFO": "/baggage", "HTTP_BAGGAGE": "a=1,b=2"},
    "parent and baggage": {"PATH_INFO": "/baggage", "HTTP_BAGGAGE": "a=1", **_traced("01")},
}


def application(reader: InMemoryMetricReader) -> flask.Flask:
    """Make an application with views of every kind; nothing is instrumented yet."""
    app = flask.Flask("observed", static_folder=None)
    _add_answers(app, reader)
    _add_failures(app)
    return app


def _add_answers(app: flask.Flask, reader: InMemoryMetricReader) -> None:
    tracer = trace.get_tracer("view")

    def item(name: str) -> str:
        with tracer.start_as_current_span("child"):
            return name

    def stream() -> flask.Response:
        def parts() -> Iterator[str]:
            yield from "abc"

        return flask.Response(flask.stream_with_context(parts()))

    def copied() -> str:
        @flask.copy_current_request_context
        def inner() -> str:
            return flask.request.path

        return inner()

    def active() -> flask.Response:
        return flask.jsonify(measurements(reader)["http.server.active_requests"])

    def baggage() -> flask.Response:
        return flask.jsonify(dict(get_all()))

    app.add_url_rule("/items/<name>", view_func=item, methods=["GET", "POST"])
    app.add_url_rule("/folder/", "folder", lambda: "folder")
    for view in (stream, copied, active, baggage):
        app.add_url_rule(f"/{view.__name__}", view_func=view)
    for path in ("/healthz", "/metrics", "/api/metrics", "/healthz/x", "/early"):
        app.add_url_rule(path, path, lambda: "ok")


def _add_failures(app: flask.Flask) -> None:
    def status(code: int) -> str:
        flask.abort(code)

    def broken() -> str:
        message = "broken on purpose"
        raise RuntimeError(message)

    def handled() -> str:
        raise KeyError("handled")

    def exits() -> str:
        raise SystemExit(1)

    app.add_url_rule("/status/<int:code>", view_func=status)
    app.add_url_rule("/raises", view_func=broken)
    app.add_url_rule("/handled", view_func=handled)
    app.add_url_rule("/exits", view_func=exits)
    app.register_error_handler(KeyError, lambda _error: ("handled", 409))


def answer_early(app: flask.Flask) -> None:
    """Register what runs before views, after the instrumentation did so."""

    @app.before_request
    def early() -> str | None:
        return "early" if flask.request.path == "/early" else None


def serve(app: flask.Flask, changes: dict[str, str | None]) -> dict[str, Any]:
    """Send one request and return what a client would see."""
    path = f"{changes['PATH_INFO']}?{changes.get('QUERY_STRING', '')}"
    environ = {**BASE, "RAW_URI": path, "wsgi.input": io.BytesIO(), **changes}
    environ = {name: value for name, value in environ.items() if value is not None}
    seen: dict[str, Any] = {}

    def start_response(status: str, headers: Any, *_: Any) -> None:
        seen.update(status=status, headers=sorted(headers))

    try:
        body = app.wsgi_app(environ, start_response)  # type: ignore[arg-type]
    except SystemExit:
        return {"raised": "SystemExit"}
    seen["body"] = b"".join(body).decode()
    if hasattr(body, "close"):
        body.close()
    return seen


def described(span: ReadableSpan, ids: dict[int, str]) -> dict[str, Any]:
    """Return all of a span but its times and random ids."""
    parent = span.parent
    return {
        "name": span.name,
        "kind": span.kind.name,
        "status": [span.status.status_code.name, span.status.description],
        "attributes": dict(span.attributes or {}),
        "events": [
            [
                event.name,
                {
                    name: value
                    for name, value in (event.attributes or {}).items()
                    if name != "exception.stacktrace"
                },
            ]
            for event in span.events
        ],
        "links": len(span.links),
        "parent": ids.get(parent.span_id, f"{parent.span_id:016x}") if parent else None,
        "trace": f"{span.context.trace_id:032x}" if parent and parent.is_remote else None,
        "state": span.context.trace_state.to_header(),
        "flags": int(span.context.trace_flags),
        "lasts": (span.end_time or 0) > (span.start_time or 0) > 0,
    }


def measurements(reader: InMemoryMetricReader) -> dict[str, Any]:
    """Return every HTTP metric with its points, without what differs by time."""
    data = reader.get_metrics_data()
    found: dict[str, Any] = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points = [_point(point) for point in metric.data.data_points]
                found[metric.name] = {
                    "unit": metric.unit,
                    "description": metric.description,
                    "kind": type(metric.data).__name__,
                    "temporality": int(getattr(metric.data, "aggregation_temporality", 0)),
                    "monotonic": getattr(metric.data, "is_monotonic", None),
                    "schema": scope.schema_url,
                    "points": sorted(points, key=json.dumps),
                }
    return found


def _point(point: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"attributes": dict(sorted(point.attributes.items()))}
    if hasattr(point, "bucket_counts"):
        shown |= {"count": point.count, "bounds": list(point.explicit_bounds), "sum": point.sum > 0}
        shown["exemplars"] = {
            exemplar.trace_id is not None and exemplar.span_id is not None
            for exemplar in point.exemplars
        } == {True}
    else:
        shown["value"] = point.value
    return shown


class _Short:
    """Answers what `item` would, without it and without its child span."""

    def __init__(self, log: RequestLog) -> None:
        self._log = log

    def __call__(self, environ: Any, start_response: Any) -> Any:
        began = perf_counter()
        method, path = environ["REQUEST_METHOD"].upper(), environ["PATH_INFO"]
        item = path.removeprefix("/items/")
        if method not in {"GET", "HEAD"} or path == item or "/" in item:
            return self._log(environ, start_response)
        name = item.encode("latin-1").decode("utf-8", "replace").encode()
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(name))),
        ]
        start_response("200 OK", headers)
        body = [name] if method == "GET" else []
        return self._log.observe(environ, "/items/<name>", "200 OK", body, began)


class _Lines:
    """Stands for the log: keeps what a finished request knows of its span."""

    def __init__(self) -> None:
        self.request: Request | None = None

    def completed(self, request: Request, _latency: float) -> None:
        self.request = request


def main(variant: str, ratio: float) -> dict[str, Any]:
    """Return what was recorded, by request, and the metrics of all."""
    otel.choose_conventions()
    from telemetry import instrumentation  # noqa: PLC0415  # after the conventions are chosen

    exporter, reader, lines = InMemorySpanExporter(), InMemoryMetricReader(), _Lines()
    provider = TracerProvider(sampler=sampling.ParentBased(sampling.TraceIdRatioBased(ratio)))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader], views=otel.views()))
    propagate.set_global_textmap(
        CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    )
    app = application(reader)
    ours = None
    if variant == "stock":
        instrumentation.instrument_flask_stock(app)
    else:
        ours = instrumentation.instrument_flask(app)
    log = RequestLog(app.wsgi_app, lines, ours)  # type: ignore[arg-type]
    app.wsgi_app = _Short(log) if variant == "short" else log  # type: ignore[method-assign]
    answer_early(app)
    recorded: dict[str, Any] = {}
    for name, changes in REQUESTS.items():
        exporter.clear()
        seen = serve(app, changes)
        spans = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        ids = {span.context.span_id: span.name for span in spans}
        known = lines.request
        assert known is not None
        recorded[name] = {
            "seen": seen,
            "spans": [described(span, ids) for span in spans],
            "line knows its span": bool(
                spans
                and known.trace_id == f"{spans[0].context.trace_id:032x}"
                and known.span_id == f"{spans[0].context.span_id:016x}"
            ),
            "line has ids": known.trace_id is not None,
            "left behind": trace.get_current_span() is not trace.INVALID_SPAN,
        }
    return {"requests": recorded, "metrics": measurements(reader)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], float(sys.argv[2]))))
