"""Requests as gunicorn hands them to a WSGI application, without gunicorn."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_HEADERS = {
    "HTTP_HOST": "s.example",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
    "HTTP_ACCEPT": "*/*",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
    "HTTP_ORIGIN": "https://fonsecaaso.com",
    "HTTP_X_FORWARDED_FOR": "203.0.113.7",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_AMZN_TRACE_ID": "Root=1-67891233-abcdef012345678912345678",
}
_SERVER = {
    "wsgi.errors": sys.stderr,
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.url_scheme": "http",
    "wsgi.input_terminated": True,
    "SERVER_SOFTWARE": "gunicorn",
    "SERVER_NAME": "0.0.0.0",  # noqa: S104  # as gunicorn names itself; nothing listens
    "SERVER_PORT": "8080",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "10.0.0.4",
    "REMOTE_PORT": "51234",
    "SCRIPT_NAME": "",
    "QUERY_STRING": "",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request and the status it must be answered with."""

    method: str
    path: str
    status: str
    body: bytes = b""


def answer(app: Any, call: Call) -> bytes:
    """Ask the application and return the body; RuntimeError for another status."""
    environ = {
        **_SERVER,
        **_HEADERS,
        "REQUEST_METHOD": call.method,
        "PATH_INFO": call.path,
        "RAW_URI": call.path,
        "wsgi.input": io.BytesIO(call.body),
    }
    if call.body:
        environ["CONTENT_TYPE"] = "application/json"
        environ["CONTENT_LENGTH"] = str(len(call.body))
    given = ""

    def start_response(status: str, _headers: list[tuple[str, str]], *_: Any) -> None:
        nonlocal given
        given = status

    chunks: Iterable[bytes] = app(environ, start_response)
    try:
        content = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    if not given.startswith(call.status):
        message = f"{call.method} {call.path}: {given}, not {call.status}"
        raise RuntimeError(message)
    return content
