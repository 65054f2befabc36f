"""`python -m local.observability.keeper PORT`: lines and spans by trace id, without Loki and Tempo.

A stand-in for a machine on which neither can run: it keeps the newest in memory, takes what they
take (Loki's push; OTLP over HTTP) and answers the few questions that `doctor` and `make trace` ask.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.observability.kept_lines import KeptLines
from local.observability.kept_spans import KeptSpans
from local.ports import LOOPBACK

PUSH_PATH = "/loki/api/v1/push"
QUERY_PATH = "/loki/api/v1/query_range"
SPANS_PATH = "/v1/traces"
TRACE_PATH = "/api/traces/"
READY_PATH = "/ready"

LARGEST_BODY = 16 << 20
"""Bytes, packed or unpacked."""
_HOUR = 3600 * 10**9
_JSON = "application/json"

Answer = tuple[int, bytes, str]


class Keeper(ThreadingHTTPServer):
    """The server with what it keeps."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.lines = KeptLines()
        self.spans = KeptSpans()

    def take(self, path: str, body: bytes) -> Answer:
        """Keep what was sent to a path."""
        if path == PUSH_PATH:
            self.lines.push(body)
            return 204, b"", _JSON
        if path == SPANS_PATH:
            self.spans.take(body)
            return 200, b"", "application/x-protobuf"
        return _told(404, {"error": f"POST {PUSH_PATH} or {SPANS_PATH}"})

    def answer(self, path: str, asked: dict[str, str]) -> Answer:
        """Answer a question."""
        if path == READY_PATH:
            return 200, b"ready\n", "text/plain"
        if path == QUERY_PATH:
            return _told(200, {"status": "success", "data": self._streams(asked)})
        if path.startswith(TRACE_PATH):
            spans = self.spans.of_trace(path.removeprefix(TRACE_PATH))
            return _told(200 if spans else 404, {"spans": spans})
        return _told(404, {"error": f"GET {READY_PATH}, {QUERY_PATH} or {TRACE_PATH}TRACE_ID"})

    def _streams(self, asked: dict[str, str]) -> dict[str, Any]:
        now = time.time_ns()
        start, end = int(asked.get("start", now - _HOUR)), int(asked.get("end", now + _HOUR))
        found = self.lines.find(asked.get("query", ""), start, end, int(asked.get("limit", 100)))
        return {"resultType": "streams", "result": found}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: Keeper

    def do_POST(self) -> None:  # http.server's name
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True  # the body is not read
            self._send(_told(413, {"error": f"a body of at most {LARGEST_BODY} bytes"}))
            return
        body = self.rfile.read(int(length))
        try:
            if self.headers.get("Content-Encoding") == "gzip":
                body = _unpacked(body)
            self._send(self.server.take(urlsplit(self.path).path, body))
        except (ValueError, OSError, EOFError, zlib.error) as error:
            self._send(_told(400, {"error": str(error)}))

    def do_GET(self) -> None:  # http.server's name
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            self._send(self.server.answer(parts.path, asked))
        except ValueError as error:
            self._send(_told(400, {"error": str(error)}))

    def _send(self, answer: Answer) -> None:
        status, body, kind = answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing of what goes well."""


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    unpacked = unpacker.decompress(body, LARGEST_BODY)
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise gzip.BadGzipFile("broken, or too large once it is unpacked")
    return unpacked


def _told(status: int, body: dict[str, Any]) -> Answer:
    return status, json.dumps(body).encode(), _JSON


if __name__ == "__main__":
    with Keeper(int(sys.argv[1])) as keeper:
        keeper.serve_forever()
