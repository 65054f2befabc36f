"""An application in a process of its own, asked in blocks of requests whose CPU time is taken."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Self

import flask

from bench.wsgi import Call, answer

BARE = "bare"
"""A Flask view that returns a small dict."""
INSTRUMENTED = "instrumented"
"""The same with the stock Flask instrumentation, traces and metrics exported."""
SHORTENER = "shortener"
"""The service."""
_STOP_S = 20.0
_FLUSH_S = 30.0


@dataclass(frozen=True)
class Spec:
    """What to run, with which settings; `signals` starts telemetry as gunicorn's hooks do."""

    app: str
    environment: dict[str, str] = field(default_factory=dict)
    signals: bool = False
    stock_spans: bool = False
    """Use the stock Flask instrumentation, as where headers are to be captured."""
    counting: bool = True
    """Count visits; the service always does."""


@dataclass(frozen=True)
class Taken:
    """What a block took."""

    cpu: float
    """Seconds of CPU a request, all threads of the process, what they export included."""
    resident: int
    """Bytes afterwards."""
    bodies: tuple[bytes, ...]
    """The answers, where they were asked for."""


class Subject:
    """A process with one application; `with Subject(spec)` starts and surely ends it."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec

    def __enter__(self) -> Self:
        """Start the process and wait until its application is made."""
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        # What is logged goes down a pipe, as it does in a container.
        self._drain = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S607
        assert self._drain.stdin is not None
        self._process = context.Process(
            target=_serve, args=(self._spec, theirs, os.getpid()), daemon=True
        )
        # The child inherits what standard output is at this moment.
        before = os.dup(1)
        os.dup2(self._drain.stdin.fileno(), 1)
        try:
            self._process.start()
        finally:
            os.dup2(before, 1)
            os.close(before)
        self._drain.stdin.close()
        theirs.close()
        self._connection.recv()
        return self

    def log(self, lines: int) -> float:
        """Return the seconds of its own CPU that a thread spends on a line with seven fields."""
        self._connection.send((lines, False))
        taken: float = self._connection.recv()
        return taken

    def run(self, calls: Sequence[Call], *, keep: bool = False) -> Taken:
        """Answer the calls one after another."""
        self._connection.send((calls, keep))
        taken: Taken = self._connection.recv()
        return taken

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(_STOP_S)
        if self._process.is_alive():
            self._process.kill()
        self._drain.wait(_STOP_S)


def _serve(spec: Spec, connection: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    app, flush = _make(spec)
    gc.collect()
    gc.freeze()
    connection.send(None)
    while os.getppid() == parent:
        try:
            calls, keep = connection.recv()
        except (EOFError, OSError):
            break
        if isinstance(calls, int):
            connection.send(_log(calls))
            continue
        bodies = []
        began = time.process_time()
        for call in calls:
            body = answer(app, call)
            if keep:
                bodies.append(body)
        flush()
        cpu = time.process_time() - began
        connection.send(Taken(cpu / len(calls), _resident(), tuple(bodies)))
    os._exit(0)


def _log(lines: int) -> float:
    log = logging.getLogger("bench")
    fields = {
        "owner": "00000000-0000-0000-0000-000000000001",
        "code": "aB3xY9",
        "attempt": 1,
        "cache_hit": True,
        "waited_ms": 1.234,
        "outcome": "created",
        "bytes": 4711,
    }
    began = time.thread_time()
    for _ in range(lines):
        log.info("A line like others", extra=fields)
    taken = time.thread_time() - began
    _flush()
    return taken / lines


def _resident() -> int:
    import psutil  # noqa: PLC0415  # the subject's imports are part of what is measured

    return int(psutil.Process().memory_info().rss)


def _make(spec: Spec) -> tuple[Any, Any]:
    if spec.signals:
        import telemetry  # noqa: PLC0415

        if spec.stock_spans:
            os.environ["OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST"] = "x-none"
        config = telemetry.prepare(telemetry.Config.from_env(spec.environment))
        telemetry.start(config)
    else:
        logging.getLogger().setLevel(logging.WARNING)
    if spec.app == SHORTENER:
        from app.config import Settings  # noqa: PLC0415
        from app.factory import create_app  # noqa: PLC0415
        from app.visits import Visits  # noqa: PLC0415

        if not spec.counting:
            Visits.record = lambda *_: None  # type: ignore[method-assign]
        app = create_app(Settings.from_env(spec.environment))
    else:
        app = bare()
        if spec.app == INSTRUMENTED:
            from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: PLC0415

            FlaskInstrumentor.instrument_app(app)  # type: ignore[no-untyped-call]
    flushes = [_flush] if spec.signals else []
    if spec.app == SHORTENER and spec.counting:
        flushes.append(_write_visits)
    return app, lambda: [flush() for flush in flushes]


def bare() -> flask.Flask:
    """Return an application with one view that returns a small dict."""
    app = flask.Flask("bare", static_folder=None)

    @app.get("/api/<code>")
    def view(code: str) -> dict[str, str]:
        return {"message": "URL retrieved successfully", "url": f"https://example.com/{code}"}

    return app


def _write_visits() -> None:
    """Wait until the visits of this block are in the database."""
    from app.visits import instruments  # noqa: PLC0415

    (read,) = instruments._read  # noqa: SLF001
    writer = read.__self__._writer  # type: ignore[attr-defined]  # noqa: SLF001
    deadline = time.monotonic() + _FLUSH_S
    while read()["waiting"] and time.monotonic() < deadline:
        writer.hurry()
        time.sleep(0.002)


def _flush() -> None:
    """Wait until spans and lines of this block are with their peers: that costs CPU, too."""
    from telemetry import lifecycle  # noqa: PLC0415

    worker = lifecycle._worker  # noqa: SLF001
    if worker is None:
        return
    if worker.tracing:
        worker.tracing.provider.force_flush()
    deadline = time.monotonic() + _FLUSH_S
    while worker.shipper and worker.shipper.queue and time.monotonic() < deadline:
        worker.shipper.queue.wake()
        time.sleep(0.005)
