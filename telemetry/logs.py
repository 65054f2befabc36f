"""The way of a log record: rendered once, written to stdout at once, queued for Loki."""

from __future__ import annotations

import logging
import sys
import threading

from telemetry.config import Config
from telemetry.context import Request, is_muted
from telemetry.lines import Line, Renderer
from telemetry.loki.queue import LineQueue
from telemetry.stdout import Stdout

# The SDK's own notices of lost spans: we count them and say so once a minute.
_COUNTED_ELSEWHERE = ("opentelemetry.sdk._shared_internal",)
# What no line of ours shows need not be found out (docs.python.org, "Logging HOWTO", Optimization).
_NOT_SHOWN = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")


class LogPipeline:
    """Takes records and finished requests to stdout and, where there is one, to the queue."""

    def __init__(self, config: Config, queue: LineQueue | None = None) -> None:
        self._renderer = Renderer(config.service_name, config.environment)
        self._stdout = Stdout()
        self._queue = queue
        self._completed_wanted = config.log_level <= logging.INFO

    @property
    def unwritten(self) -> int:
        """How many lines standard output did not take."""
        return self._stdout.failed

    def record(self, record: logging.LogRecord) -> None:
        """Log what a logger was given."""
        self._out(self._renderer.record(record))

    def completed(self, request: Request, latency: float) -> None:
        """Log that a request was answered, or could not be; `latency` in seconds."""
        if self._completed_wanted or request.status >= 500:
            self._out(self._renderer.completed(request, latency))

    def _out(self, line: Line) -> None:
        self._stdout.write(line)
        if self._queue is not None:
            self._queue.put(line)


class JsonHandler(logging.Handler):
    """Hands records to the pipeline; takes no lock, so a signal handler may log."""

    def __init__(self, pipeline: LogPipeline) -> None:
        super().__init__()
        self.pipeline = pipeline

    def createLock(self) -> None:  # noqa: N802  # logging's name
        """Need none: a line is written at once and the queue guards itself."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Log the record unless this thread is busy exporting."""
        if is_muted() or not self.filter(record):
            return False
        try:
            self.pipeline.record(record)
        except Exception:  # noqa: BLE001  # logging must never fail its caller
            self.handleError(record)
        return True

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Say on stderr which statement could not be logged, without its values."""
        kind = getattr(sys.exc_info()[0], "__name__", "?")
        sys.stderr.write(f"telemetry: {kind} logging at {record.pathname}:{record.lineno}\n")


def install(config: Config, pipeline: LogPipeline) -> JsonHandler:
    """Make the pipeline the root logger's only JSON handler."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, JsonHandler)]:
        root.removeHandler(handler)
    handler = JsonHandler(pipeline)
    root.addHandler(handler)
    root.setLevel(config.log_level)
    for name in _COUNTED_ELSEWHERE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in _NOT_SHOWN:
        setattr(logging, name, False)
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_uncaught
    return handler


def _log_uncaught(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else "?"
    held = (args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    logging.getLogger("threading").error("A thread failed: %s", name, exc_info=held)


def uninstall(handler: JsonHandler) -> None:
    """Take the handler off the root logger."""
    logging.getLogger().removeHandler(handler)
    logging.captureWarnings(capture=False)
    threading.excepthook = threading.__excepthook__
