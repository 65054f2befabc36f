"""A client that keeps some connections busy, in a process of its own."""

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from local.ports import LOOPBACK

_TIMEOUT_S = 30.0
_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "


@dataclass(frozen=True)
class Outcome:
    """What came back."""

    answered: int
    errors: int
    """Answers with another status than 2xx, 3xx and 404, and broken connections."""
    seconds: float
    p50: float
    p99: float
    """Seconds."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


def drive(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int = 8,
    seconds: float | None = None,
    count: int | None = None,
) -> Outcome:
    """Send the requests round and round, for so many seconds or until so many are answered."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (port, list(requests), connections, seconds, count, theirs)
    process = context.Process(target=_drive, args=arguments, daemon=True)
    process.start()
    theirs.close()
    try:
        outcome: Outcome = ours.recv()
    finally:
        process.join(_TIMEOUT_S)
    return outcome


def get(path: str) -> bytes:
    """Return a GET as a browser behind the load balancer sends it."""
    return f"GET {path} HTTP/1.1\r\n{_head()}\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    """Return a POST of JSON."""
    head = f"{_head()}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _head() -> str:
    return (
        "Host: s.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/141.0\r\n"
        "Accept: */*\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"
    )


class _Driver:
    def __init__(
        self, port: int, requests: list[bytes], seconds: float | None, count: int | None
    ) -> None:
        self._port = port
        self._requests = requests
        self._left = count
        self._end = None if seconds is None else time.monotonic() + seconds
        self._lock = threading.Lock()
        self._next = 0
        self.latencies: list[float] = []
        self.errors = 0

    def run(self) -> None:
        sock: socket.socket | None = None
        while (request := self._take()) is not None:
            began = time.monotonic()
            try:
                sock = sock or self._connect()
                sock.sendall(request)
                status = _read(sock)
            except OSError:
                self.errors += 1
                sock = None
                continue
            self.latencies.append(time.monotonic() - began)
            if not (b"200" <= status < b"400" or status == b"404"):
                self.errors += 1
        if sock is not None:
            sock.close()

    def _connect(self) -> socket.socket:
        sock = socket.create_connection((LOOPBACK, self._port), timeout=_TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _take(self) -> bytes | None:
        if self._end is not None and time.monotonic() >= self._end:
            return None
        with self._lock:
            if self._left is not None:
                if self._left <= 0:
                    return None
                self._left -= 1
            self._next += 1
            return self._requests[self._next % len(self._requests)]


def _read(sock: socket.socket) -> bytes:
    """Read one answer and return its status."""
    data = b""
    while _END not in data:
        data += _more(sock)
    head, _, body = data.partition(_END)
    length = head.find(_LENGTH)
    if length >= 0:
        expected = int(head[length + len(_LENGTH) :].split(b"\r\n", 1)[0])
        while len(body) < expected:
            body += _more(sock)
    return head[9:12]


def _more(sock: socket.socket) -> bytes:
    chunk = sock.recv(65536)
    if not chunk:
        message = "the service closed the connection"
        raise ConnectionError(message)
    return chunk


def _drive(
    port: int,
    requests: list[bytes],
    connections: int,
    seconds: float | None,
    count: int | None,
    connection: Connection,
) -> None:
    driver = _Driver(port, requests, seconds, count)
    threads = [threading.Thread(target=driver.run) for _ in range(connections)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.monotonic() - began
    latencies = sorted(driver.latencies) or [0.0]
    connection.send(
        Outcome(
            len(driver.latencies),
            driver.errors,
            taken,
            latencies[len(latencies) // 2],
            latencies[int(len(latencies) * 0.99)],
        )
    )
