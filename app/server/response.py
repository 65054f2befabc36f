"""Answers as gunicorn frames them, at less cost: names are checked once, the rest in one look."""

from __future__ import annotations

import re
import time
from typing import Any

from gunicorn import util
from gunicorn.http.message import TOKEN_RE
from gunicorn.http.wsgi import Response as GunicornResponse

_KNOWN = 256
_SMALL = 16 * 1024
# No value that gunicorn would strip, and no line's end in one: there are as many lines as fields.
_FIELDS = re.compile(r"(?:[^\r\n:]+: (?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\r\n)*")
_plain_names: set[str] = set()
_dates: dict[int, str] = {}


class Response(GunicornResponse):  # type: ignore[misc]
    """One answer. Its head goes out with the first piece of its body: one system call less."""

    def __init__(self, request: Any, sock: Any, cfg: Any) -> None:
        super().__init__(request, sock, cfg)
        self.headers_sent: bool = False
        self.response_length: int | None = None
        self._block: str | None = None
        self._of: Any = None
        self._head = b""

    @property
    def begun(self) -> bool:
        """Tell whether something of it is out."""
        return bool(self.headers_sent and not self._head)

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Check and keep the fields that the application gives."""
        block = self._plain_block(headers)
        if block is None:
            self.response_length = None
            super().process_headers(headers)
            _learn(headers)
            return
        self.headers = self._of = list(headers)
        self._block = block

    def send_headers(self) -> None:
        """Make the head; what comes first takes it along."""
        if self.headers_sent:
            return
        self.headers_sent = True
        version = self.req.version
        connection = "close" if self.should_close() else "keep-alive"
        coding = "Transfer-Encoding: chunked\r\n" if self.chunked else ""
        if self.upgrade:
            connection = "upgrade"
        if self._block is None or self._of is not self.headers:
            self._block = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
        self._head = (
            f"HTTP/{version[0]}.{version[1]} {self.status}\r\nServer: {self.version}\r\n"
            f"Date: {_date()}\r\nConnection: {connection}\r\n{coding}{self._block}\r\n"
        ).encode("latin-1")

    def close(self) -> None:
        """End the answer."""
        self.send_headers()
        if self.chunked:
            self._send(b"0\r\n\r\n")
        elif self._head:
            self._send(b"")

    def _emit_body(self, data: bytes) -> None:  # gunicorn's
        if self.chunked:
            data = b"%X\r\n%b\r\n" % (len(data), data)
        self._send(data)

    def _send(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if len(data) > _SMALL and head:
            self.sock.sendall(head)
            head = b""
        self.sock.sendall(head + data if head else data)

    def _plain_block(self, headers: list[tuple[str, str]]) -> str | None:
        """Return the lines of fields that gunicorn would pass on as they are, else None."""
        for name, value in headers:
            if name not in _plain_names:
                if name != "Content-Length" or not (value.isascii() and value.isdigit()):
                    return None
                self.response_length = int(value)
        try:
            block = "".join([name + ": " + value + "\r\n" for name, value in headers])
        except TypeError:
            return None  # gunicorn says what is wrong
        if block.count("\r\n") != len(headers) or _FIELDS.fullmatch(block) is None:
            return None
        return block


def _learn(headers: list[tuple[str, str]]) -> None:
    """Remember the names that gunicorn's checks have just passed."""
    for name, _ in headers:
        if (
            len(_plain_names) < _KNOWN
            and TOKEN_RE.fullmatch(name)
            and not util.is_hoppish(name)
            and name.lower() != "content-length"
        ):
            _plain_names.add(name)


def _date() -> str:
    second = int(time.time())
    date = _dates.get(second)
    if date is None:
        date = util.http_date(second)
        _dates.clear()
        _dates[second] = date
    return date
