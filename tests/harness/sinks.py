"""Peers of the telemetry that decode the real wire format and can be broken at will."""

from __future__ import annotations

import enum
import socket
import struct
import threading
import time
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

LOOPBACK = "127.0.0.1"
_POLL_S = 0.02
_DRIP_S = 0.1


class Fault(enum.Enum):
    """How a sink misbehaves."""

    NONE = "none"
    HANGS = "hangs"
    """Reads the request and never answers."""
    DRIPS = "drips"
    """Reads the request and sends a head that never ends, a byte now and then."""
    DRIPS_CONTENT = "drips content"
    """The same behind a head that says it all went well."""
    RESETS = "resets"
    """Reads some of the body, then sends RST."""
    UNAVAILABLE = "503"
    BROKEN = "500"
    TOO_MANY = "429"
    """With Retry-After: 1."""
    BAD_REQUEST = "400"
    TOO_LARGE = "413"
    BLOCKED = "260"
    """Loki's "ingestion blocked": a 2xx that is no success."""
    REDIRECTS = "307"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:  # http.server's name
        sink = self.server.sink
        sink.attempts += 1
        fault = Fault.NONE if self.path in sink.spared_paths else sink.fault
        length = int(self.headers.get("Content-Length", "0"))
        if fault is Fault.RESETS:
            self.rfile.read(min(length, 16))
            # Linger 0 makes close() send RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if fault is Fault.HANGS:
            sink.released.wait(120)
            self.close_connection = True
            return
        if fault in {Fault.DRIPS, Fault.DRIPS_CONTENT}:
            self._drip(b"HTTP/1.1 200 OK\r\n", head=fault is Fault.DRIPS)
            return
        if fault is not Fault.NONE and not sink.spared(body, fault):
            extra = {"Retry-After": "1"} if fault is Fault.TOO_MANY else {}
            extra |= {"Location": "/elsewhere"} if fault is Fault.REDIRECTS else {}
            self._answer(int(fault.value), b"", extra)
            return
        try:
            with sink.lock:
                status, answer, kind = sink.accept(self.path, self.headers, body)
        except Exception as error:  # noqa: BLE001  # shown by the test that reads `errors`
            sink.errors.append(repr(error))
            status, answer, kind = 400, b"", "text/plain"
        self._answer(status, answer, {"Content-Type": kind})

    def _drip(self, begin: bytes, *, head: bool) -> None:
        self.close_connection = True
        self.wfile.write(begin + (b"X-Long: " if head else b"Content-Length: 9999\r\n\r\n"))
        while not self.server.sink.released.wait(_DRIP_S):
            try:
                self.wfile.write(b"x")
            except OSError:  # whom we kept waiting went away
                return

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    sink: Sink

    def handle_error(self, *_args: Any) -> None:
        """A client that went away is no news."""


class Sink:
    """An HTTP server on a loopback port; subclasses decode what it accepts."""

    def __init__(self, port: int = 0) -> None:
        self.lock = threading.RLock()
        self.fault = Fault.NONE
        self.spared_paths: tuple[str, ...] = ()
        """What the fault leaves alone."""
        self.released = threading.Event()
        self.attempts = 0
        self.errors: list[str] = []
        self._server = _Server((LOOPBACK, port), _Handler)
        self._server.sink = self
        self.port: int = self._server.server_address[1]
        self.url = f"http://{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def heal(self) -> None:
        """Work from now on."""
        self.fault = Fault.NONE
        self.released.set()

    def spared(self, _body: bytes, _fault: Fault) -> bool:
        """Tell whether the fault leaves this body alone."""
        return False

    def accept(self, path: str, headers: Message, body: bytes) -> tuple[int, bytes, str]:
        """Decode and keep one request; return status, body and content type of the answer."""
        raise NotImplementedError


def eventually(condition: Callable[[], Any], timeout: float = 20.0) -> Any:
    """Wait until the condition is true and return its value; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            message = f"not within {timeout} s"
            raise AssertionError(message)
        time.sleep(_POLL_S)
    return value
