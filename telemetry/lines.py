"""Turn log records and finished requests into JSON objects, one a line."""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec
from msgspec import structs
from opentelemetry import trace
from pythonjsonlogger.core import BaseJsonFormatter, merge_record_extra

from telemetry.context import UNTRACED_PATHS, Request, current_request
from telemetry.escapes import escape_json
from telemetry.redact import redact, redact_field

LONGEST_LINE = 256 * 1024
"""Bytes; Loki refuses longer lines (its default max_line_size)."""
_LONGEST_FIELD = 16 * 1024

_UNTRACED = "on purpose"  # nobody need look for its trace
LEVELS = ("debug", "info", "warn", "error")
DEBUG, INFO, WARN, ERROR = range(4)

_PLAIN = frozenset({int, float, bool})
"""Types of values that hold no text."""
_STANDARD = frozenset(
    vars(logging.LogRecord("", 0, "", 0, "", (), None)) | {"message": 0, "asctime": 0}
)
_BASE = frozenset(
    {"level", "ts", "msg", "logger", "service_name", "environment", "exception", "truncated"}
)


def level_of(levelno: int) -> int:
    """Return the index into LEVELS for a level of `logging`."""
    if levelno >= logging.ERROR:
        return ERROR
    if levelno >= logging.WARNING:
        return WARN
    return INFO if levelno >= logging.INFO else DEBUG


class Line:
    """One rendered line and what Loki wants to know about it beside."""

    __slots__ = ("json", "level", "request_id", "span_id", "timestamp", "trace_id")

    def __init__(
        self,
        json: bytes,
        level: int,
        trace_id: str | None = None,
        span_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.json = json
        self.level = level
        self.trace_id = trace_id
        self.span_id = span_id
        self.request_id = request_id
        self.timestamp = 0
        """Nanoseconds since the epoch; given by the queue, in order."""


class Clock:
    """Formats UTC timestamps with milliseconds; the seconds' text is kept between calls."""

    def __init__(self) -> None:
        self._last: tuple[int, str] = (-1, "")

    def format(self, seconds: float) -> str:
        """Return RFC 3339 text such as 2024-01-15T10:30:45.123Z."""
        milliseconds = int(seconds * 1000)
        whole, fraction = divmod(milliseconds, 1000)
        last = self._last  # one read: another thread may replace it
        if last[0] != whole:
            last = (whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)))
            self._last = last
        return f"{last[1]}.{fraction:03d}Z"


class RecordReader(BaseJsonFormatter):
    """Reads what a record has beyond its message, as python-json-logger does, without secrets."""

    def __init__(self) -> None:
        super().__init__((), reserved_attrs=sorted(_STANDARD | _BASE))

    def read(self, record: logging.LogRecord, fields: dict[str, Any]) -> None:
        """Add the extras, `exception` and `stack` to the fields."""
        extras: dict[Any, Any] = {}
        merge_record_extra(record, extras, reserved=self._skip_fields)
        for name, value in extras.items():
            fields[name] = value if type(value) in _PLAIN else redact_field(name, value)
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = redact(str(self.formatException(record.exc_info)))
        elif record.exc_text:
            fields["exception"] = redact(record.exc_text)
        if record.stack_info:
            fields["stack"] = redact(str(self.formatStack(record.stack_info)))


class _Completed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The line that nearly all lines are: a struct is encoded in half the time of a dict."""

    level: str
    ts: str
    msg: str
    logger: str
    service_name: str
    environment: str
    trace_id: str | None = None
    span_id: str | None = None
    untraced: str | None = None
    request_id: str
    method: str
    path: str
    amzn_trace_id: str | None = None
    status: int
    latency_ms: float
    client_ip: str


class Renderer:
    """Renders lines for one service and environment."""

    def __init__(self, service_name: str, environment: str) -> None:
        self._service_name = service_name
        self._environment = environment
        self._clock = Clock()
        self._reader = RecordReader()
        self._encode = msgspec.json.Encoder(enc_hook=_shown).encode

    def record(self, record: logging.LogRecord) -> Line:
        """Render what was logged, with the ids of the request it was logged in."""
        level = level_of(record.levelno)
        fields: dict[str, Any] = {
            "level": LEVELS[level],
            "ts": self._clock.format(record.created),
            "msg": redact(record.getMessage()),
            "logger": record.name,
            "service_name": self._service_name,
            "environment": self._environment,
        }
        request = current_request.get()
        if request is not None:
            _add_request(fields, request)
        # Also outside of a request: a span of a background job.
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            fields["trace_id"] = f"{span.trace_id:032x}"
            fields["span_id"] = f"{span.span_id:016x}"
        self._reader.read(record, fields)
        return self._line(fields, level)

    def completed(self, request: Request, latency: float) -> Line:
        """Render "Request completed"; `latency` in seconds."""
        level = INFO if request.status < 500 else ERROR
        traced = request.trace_id is not None
        line = _Completed(
            level=LEVELS[level],
            ts=self._clock.format(time.time()),
            msg="Request completed",
            logger="telemetry.request",
            service_name=self._service_name,
            environment=self._environment,
            trace_id=request.trace_id,
            span_id=request.span_id,
            untraced=None if traced or request.path not in UNTRACED_PATHS else _UNTRACED,
            request_id=request.request_id,
            method=request.method,
            path=request.path,
            amzn_trace_id=request.amzn_trace_id,
            status=request.status,
            latency_ms=round(latency * 1000, 3),
            client_ip=request.client_ip,
        )
        if not request.fields:
            try:
                json = escape_json(self._encode(line))
            except ValueError:  # a lone surrogate
                pass
            else:
                if len(json) <= LONGEST_LINE:
                    return Line(json, level, request.trace_id, request.span_id, request.request_id)
        fields = {name: held for name, held in structs.asdict(line).items() if held is not None}
        fields |= {name: redact(text) for name, text in (request.fields or {}).items()}
        return self._line(fields, level)

    def _line(self, fields: dict[str, Any], level: int) -> Line:
        try:
            json = self._encode(fields)
        except Exception:  # noqa: BLE001  # lone surrogates, keys that are no text, a repr that raises
            json = self._encode(
                {_plain(str(name)): _plain(value) for name, value in fields.items()}
            )
        if len(json) > LONGEST_LINE:
            json = self._encode(_shortened(fields, LONGEST_LINE // 8))
        json = escape_json(json)
        if len(json) > LONGEST_LINE:
            json = escape_json(self._encode(_shortened(fields, LONGEST_LINE // 16)))
        return Line(
            json, level, fields.get("trace_id"), fields.get("span_id"), fields.get("request_id")
        )


def _add_request(fields: dict[str, Any], request: Request) -> None:
    if request.trace_id is not None:
        fields["trace_id"] = request.trace_id
        fields["span_id"] = request.span_id
    elif request.path in UNTRACED_PATHS:
        fields["untraced"] = _UNTRACED
    fields["request_id"] = request.request_id
    fields["method"] = request.method
    fields["path"] = request.path
    if request.amzn_trace_id is not None:
        fields["amzn_trace_id"] = request.amzn_trace_id


def _shown(value: Any) -> str:
    return redact(repr(value))


def _plain(value: Any) -> Any:
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    try:
        text = value if isinstance(value, str) else _shown(value)
    except Exception:  # noqa: BLE001  # a broken __repr__ must not lose the line
        text = f"<{type(value).__name__}>"
    return text.encode("utf-8", "backslashreplace").decode()


def _shortened(fields: dict[str, Any], room: int) -> dict[str, Any]:
    """Cut each long field and mark the line; keep fields for `room` characters in all.

    In JSON a character may take six bytes, and twelve once it is escaped.
    """
    kept: dict[str, Any] = {}
    for name, value in fields.items():
        plain = _plain(value)
        if isinstance(plain, str):
            plain = plain[: min(_LONGEST_FIELD, room)]
            room -= len(plain)
        kept[_plain(str(name)[:64])] = plain
        room -= min(len(str(name)), 64)
        if room <= 0:
            break
    kept["truncated"] = True
    return kept
