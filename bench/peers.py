"""A collector and a Loki that take everything, in a process of their own."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import socket
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any, Self

from local.ports import LOOPBACK

ACCEPTS = "accepts"
HANGS = "hangs"
REFUSES = "refuses"
SLOW = "slow"
LOKI_PATH = "/loki/api/v1/push"
_HANG_S = 600.0
_SLOW_S = 1.5
_MOST_PUSHES = 1_000


class Peers:
    """One HTTP server for spans, metrics and lines; `mood` says how it behaves."""

    def __init__(self, mood: str = ACCEPTS) -> None:
        self._mood = mood

    def __enter__(self) -> Self:
        """Start the process and learn its port."""
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._mood, theirs), daemon=True)
        self._process.start()
        theirs.close()
        port = self._connection.recv()
        self.url = f"http://{LOOPBACK}:{port}"
        return self

    @property
    def environment(self) -> dict[str, str]:
        """The settings by which telemetry finds both."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "LOKI_ENDPOINT": self.url + LOKI_PATH}

    def pushes(self) -> list[int]:
        """Return the number of lines of each push since the last call, of the latest 1,000."""
        self._connection.send(None)
        pushes: list[int] = self._connection.recv()
        return pushes

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._connection.close()
        self._process.kill()
        self._process.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:  # http.server's name
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        mood = self.server.mood
        if mood == HANGS:
            time.sleep(_HANG_S)
        if mood == SLOW:
            time.sleep(_SLOW_S)
        lines = self.path == LOKI_PATH
        if mood == ACCEPTS and lines:
            self.server.pushes.append(body)
        self.send_response(503 if mood == REFUSES else 204 if lines else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET

    def __init__(self, mood: str) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.mood = mood
        # Read when somebody asks: the service that is measured shares the cores with this process.
        self.pushes: deque[bytes] = deque(maxlen=_MOST_PUSHES)

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a client that ended in the middle of a request."""


def _serve(mood: str, connection: Connection) -> None:
    server = _Server(mood)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection.send(server.server_address[1])
    while True:
        try:
            connection.recv()
        except (EOFError, OSError):
            return
        pushes = [server.pushes.popleft() for _ in range(len(server.pushes))]
        connection.send([_lines(push) for push in pushes])


def _lines(push: bytes) -> int:
    return sum(len(stream["values"]) for stream in json.loads(gzip.decompress(push))["streams"])
