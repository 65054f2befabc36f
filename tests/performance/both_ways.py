"""Serve generated requests by one of both ways and print, as JSON, all that can be seen of each.

`python -m tests.performance.both_ways short|direct|long SEED COUNT`, with the service's settings in
the environment.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from flask import Flask
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import telemetry
from app import metrics
from app.config import Settings
from app.counts import Count
from app.factory import create_app
from app.routes.short_way import BothWays
from app.storage import cache, database, rate_limits
from app.visits.counter import Visits
from telemetry import lifecycle
from telemetry.lines import Line
from tests.harness.sinks import eventually
from tests.performance import generated
from tests.performance.observed import described, measurements

TOO_LONG = "eeEee5"
CODES = ["aaaaaa", "Bbbbb1", "cCccc2", "Dddddd", TOO_LONG]
"""Codes with a link, in a database made for both runs; one can't be sent in a header."""
# What differs from run to run, in lines and headers.
_NOW = re.compile(r'(?<="timestamp":)\d+')
_TIMES = ("ts", "latency_ms", "trace_id", "span_id")


def main(way: str, seed: int, count: int) -> dict[str, Any]:
    """Return what was seen of each request, and the metrics of all."""
    _stop_clocks()
    telemetry.start(telemetry.Config.from_env(os.environ))
    worker = lifecycle._worker
    assert worker is not None
    assert worker.tracing is not None
    assert worker.metering is not None
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    worker.tracing.provider.add_span_processor(SimpleSpanProcessor(exporter))
    worker.metering.provider.add_metric_reader(reader)
    lines: list[Line] = []
    worker.pipeline._out = _Kept(lines)  # type: ignore[method-assign]
    visits = _note_visits()
    app = create_app(Settings.from_env(os.environ))
    assert isinstance(app.wsgi_app, BothWays)
    # Who comes before the first connection stands waits for it, which is counted and logged.
    eventually(lambda: metrics._pool[0]()["idle"])
    short = [0]
    if way == "short":
        at_once = app.wsgi_app._at_once

        def counted(environ: Any, start: Any) -> Any:
            answered = at_once(environ, start)
            short[0] += answered is not None
            return answered

        app.wsgi_app._at_once = counted
    else:
        app.wsgi_app = app.wsgi_app.long_way  # type: ignore[method-assign, assignment]
    if way == "long":
        app.extensions["direct_way"].close()
    seen = []
    for received in generated.requests(seed, CODES, count):
        environ = generated.environ_of(received)
        if environ is None:
            continue
        exporter.clear()
        lines.clear()
        visits.clear()
        given = _serve(app, environ)
        spans = _of_the_request(exporter.get_finished_spans())
        ids = {span.context.span_id: span.name for span in spans}
        record = {
            "answer": given,
            "spans": [described(span, ids) for span in spans],
            "lines": [_line(line) for line in lines],
            "told": [_ids(line, spans) for line in lines],
            "visits": list(visits),
            "counts": _counts(),
        }
        made = json.dumps(record).replace(given["id"], "ID")
        seen.append({"request": received.decode("latin-1"), **json.loads(made)})
    return {"seen": seen, "metrics": measurements(reader), "short": short[0]}


class _Kept:
    """Keeps lines, but for those that hang on how busy the machine is."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    def __call__(self, line: Line) -> None:
        if b'"logger":"app.storage.database"' not in line.json:
            self._lines.append(line)


def _stop_clocks() -> None:
    """Let windows, caches and patience last: the two runs must not differ by when they ran."""
    cache.PROCESS_SECONDS = 3600.0
    cache.OLDEST_KEPT = 3600.0
    for wait in ("CONNECTION_WAIT", "_HEALTH_WAIT"):
        setattr(database, wait, 60.0)
    window = rate_limits.ProcessWindow
    rate_limits.ProcessWindow = lambda rate: window(rate, clock=lambda: 0.0)  # type: ignore[misc, assignment]


def _note_visits() -> list[tuple[Any, ...]]:
    noted: list[tuple[Any, ...]] = []
    record = Visits.record

    def noting(self: Visits, code: str, environ: Any) -> None:
        noted.append((code, environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]))
        record(self, code, environ)

    Visits.record = noting  # type: ignore[method-assign]
    return noted


def _counts() -> dict[str, Any]:
    return {
        name: dict(tally._counts)
        for name, tally in vars(metrics).items()
        if isinstance(tally, Count) and tally is not metrics._database_waits
    }


def _serve(app: Flask, environ: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    wanted = environ.get("HTTP_X_REQUEST_ID")

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        given["status"] = status
        given["headers"] = [[name, name == "Date" or value] for name, value in headers]

    body = app.wsgi_app(environ, start_response)  # type: ignore[arg-type]
    given["body"] = _NOW.sub("", b"".join(body).decode())
    if hasattr(body, "close"):
        body.close()
    given["id"] = dict(given["headers"])["X-Request-ID"]
    given["id is the client's"] = given["id"] == wanted
    return given


def _of_the_request(spans: Iterable[ReadableSpan]) -> list[ReadableSpan]:
    """Leave out what threads in the background do meanwhile."""
    found = sorted(spans, key=lambda span: span.start_time or 0)
    traces = {span.context.trace_id for span in found if span.kind is SpanKind.SERVER}
    return [span for span in found if span.context.trace_id in traces]


def _line(line: Line) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(line.json)
    return {name: name in _TIMES or value for name, value in fields.items()} | {
        "level of the line": line.level,
        "id of the line": line.request_id,
    }


def _ids(line: Line, spans: Any) -> list[bool]:
    """Tell whether the line has the ids of the request's span."""
    if not spans:
        return [line.trace_id is None]
    context = spans[0].context
    return [
        line.trace_id == f"{context.trace_id:032x}",
        line.span_id == f"{context.span_id:016x}",
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
    sys.stdout.flush()
    os._exit(0)  # exporters and pools would try to finish, with nobody there
