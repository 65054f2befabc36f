"""HTTP as bytes: several answers on one connection, read by their framing."""

import contextlib
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from local.ports import LOOPBACK
from tests.harness.service import Service

WAIT = 20.0
"""Seconds for an answer; the service itself gives a slow client ten."""
_NO_CONTENT = frozenset({204, 304})


class Broken(AssertionError):
    """What came is no HTTP answer."""


@dataclass(frozen=True)
class Answer:
    """One answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One connection."""

    def __init__(self, service: Service, wait: float = WAIT) -> None:
        """Connect."""
        self._socket = socket.create_connection((LOOPBACK, service.port), timeout=wait)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> Self:
        """Return the connection."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close it."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send; a server that has refused already may no longer listen."""
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(data)

    def finish(self) -> None:
        """Say that nothing more will come."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def answer(self, *, head: bool = False) -> Answer | None:
        """Read one answer; None when the server has closed. TimeoutError when it hangs."""
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                if self._received:
                    raise Broken(self._received)
                return None
        top, _, self._received = self._received.partition(b"\r\n\r\n")
        status, headers = _parsed(top)
        if status == 100:
            return self.answer(head=head)
        length = 0 if head or status in _NO_CONTENT else int(headers.get("content-length", "-1"))
        if length < 0:
            raise Broken(top)
        while len(self._received) < length:
            if not self._more():
                raise Broken(self._received)
        body, self._received = self._received[:length], self._received[length:]
        return Answer(status, headers, body)

    def answers(self) -> list[Answer]:
        """Read answers until the server closes."""
        found = []
        while (answer := self.answer()) is not None:
            found.append(answer)
        return found

    def _more(self) -> bool:
        try:
            data = self._socket.recv(65_536)
        except ConnectionError:
            return False
        self._received += data
        return bool(data)


def _parsed(top: bytes) -> tuple[int, dict[str, str]]:
    first, *fields = top.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not rest[:3].isdigit():
        raise Broken(top)
    headers: dict[str, str] = {}
    for line in fields:
        name, colon, value = line.partition(":")
        # A header that came twice, or a line that is none: somebody else's words.
        if (
            not colon
            or name != name.strip()
            or (name.lower() in headers and name.lower() != "vary")
        ):
            raise Broken(top)
        headers[name.lower()] = value.strip()
    return int(rest[:3]), headers


def exchange(service: Service, data: bytes) -> list[Answer]:
    """Send bytes on a connection of their own, say that it is all, and read what comes."""
    with Wire(service) as wire:
        wire.send(data)
        wire.finish()
        return wire.answers()


class Asker:
    """Sends one request after the other, on one connection as long as the server keeps it."""

    def __init__(self, service: Service) -> None:
        """Connect at the first request."""
        self._service = service
        self._wire: Wire | None = None
        self.asked = 0

    def __enter__(self) -> Self:
        """Return the asker."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the connection."""
        self._close()

    def ask(
        self,
        method: bytes,
        target: bytes,
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request and return its answer; Broken for any other number of answers."""
        self.asked += 1
        lines = [method + b" " + target + b" HTTP/1.1", b"Host: s.test"]
        lines += [name + b": " + value for name, value in headers or []]
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        data = b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")
        answer = self._answer(data, head=method == b"HEAD")
        if answer is None:  # the server had closed an idle connection
            answer = self._answer(data, head=method == b"HEAD")
        if answer is None:
            raise Broken(data)
        if answer.headers.get("connection", "").lower() == "close":
            self._close()
        return answer

    def _answer(self, data: bytes, *, head: bool) -> Answer | None:
        if self._wire is None:
            self._wire = Wire(self._service)
        self._wire.send(data)
        try:
            answer = self._wire.answer(head=head)
        except BaseException:
            self._close()
            raise
        if answer is None:
            self._close()
        return answer

    def _close(self) -> None:
        if self._wire is not None:
            self._wire.__exit__(None, None, None)
            self._wire = None
