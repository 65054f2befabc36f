"""The request that the current thread serves, for the log lines written meanwhile."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any

from telemetry.redact import redact, redact_path

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Fields as AWS writes them, parted by `;` with or without spaces: Root, Self, Parent, Sampled,
# Lineage with its `|`, and what applications add (CalledFrom=…). Possessive: nothing tried twice.
_FIELD = r"[A-Za-z][\w-]*+=[!-:<-~]*+"
_TRACE_HEADER = re.compile(rf"[ \t;]*+{_FIELD}(?:[ \t]*+;[ \t;]*+{_FIELD})*+[ \t;]*+", re.ASCII)
_LONGEST_TRACE_HEADER = 1024
_LONGEST_PATH = 2048

UNTRACED_PATHS = frozenset({"/healthz", "/metrics", "/api/metrics"})
"""Asked by probes and scrapers: neither spans nor measurements are made of these."""


class Request:
    """What is known of one request; filled while it is served."""

    __slots__ = (
        "amzn_trace_id",
        "client_ip",
        "fields",
        "method",
        "path",
        "request_id",
        "span_id",
        "started",
        "status",
        "trace_id",
    )

    def __init__(self, environ: dict[str, Any]) -> None:
        self.started = perf_counter()
        request_id = environ.get("HTTP_X_REQUEST_ID", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = environ["HTTP_X_REQUEST_ID"] = os.urandom(16).hex()
        self.request_id: str = request_id
        self.method: str = environ.get("REQUEST_METHOD", "")[:32]
        path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if not path.isascii():
            # PEP 3333: the bytes of the path, each as one Latin-1 character.
            path = path.encode("latin-1", "replace").decode("utf-8", "replace")
        self.path: str = redact_path(path)[:_LONGEST_PATH]
        self.client_ip: str = environ.get("REMOTE_ADDR", "")
        amzn = environ.get("HTTP_X_AMZN_TRACE_ID")
        self.amzn_trace_id: str | None = _trace_header(amzn) if amzn else None
        self.status = 0
        self.fields: Mapping[str, str] | None = None
        """What the application adds to the line, such as why it refused."""
        self.trace_id: str | None = None
        self.span_id: str | None = None


def _trace_header(given: str) -> str | None:
    if len(given) > _LONGEST_TRACE_HEADER or not _TRACE_HEADER.fullmatch(given):
        return None
    return redact(given.strip())


SERVED_KEY = "telemetry.server_span"
"""Where the environment of a request has what its span is made of."""

current_request: ContextVar[Request | None] = ContextVar("current_request", default=None)


class _Muted(threading.local):
    on = False


_muted = _Muted()


@contextmanager
def muted() -> Iterator[None]:
    """Drop every log record of this thread: what an export logs must not be exported."""
    before = _muted.on
    _muted.on = True
    try:
        yield
    finally:
        _muted.on = before


def is_muted() -> bool:
    """Tell whether this thread is inside an export."""
    return _muted.on
