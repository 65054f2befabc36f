"""HTTP byte by byte: requests that no well-behaved client would send."""

import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any

from local.ports import LOOPBACK
from tests.harness.service import Service

WAIT = 10.0
"""Seconds for an answer."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be declared to be JSON."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


def exchange(service: Service, sent: bytes) -> Answer:
    """Send bytes on a connection of their own and read the one answer."""
    with socket.create_connection((LOOPBACK, service.port), timeout=WAIT) as wire:
        wire.sendall(sent)
        # A server that refused a body early may have closed already; its answer is still there.
        with contextlib.suppress(OSError):
            wire.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := wire.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value for name, _, value in (field.partition(": ") for field in fields)
    }
    return Answer(int(status.split(" ")[1]), headers, body)


def ask(
    service: Service, method: str, path: bytes | str, *headers: bytes, body: bytes | None = None
) -> Answer:
    """Send one request, the path as it is."""
    target = path if isinstance(path, bytes) else path.encode()
    lines = [
        method.encode() + b" " + target + b" HTTP/1.1",
        f"Host: {LOOPBACK}:{service.port}".encode(),
        b"Connection: close",
        *headers,
    ]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return exchange(service, b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""))


def create(service: Service, url: str | bytes) -> Answer:
    """Create a link; bytes are the JSON text between the quotes."""
    text = url if isinstance(url, bytes) else json.dumps(url)[1:-1].encode()
    body = b'{"url":"' + text + b'"}'
    return ask(service, "POST", "/api/", b"Content-Type: application/json", body=body)
