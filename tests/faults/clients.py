"""Clients that keep connections and send little or nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from local.ports import LOOPBACK
from tests.harness.sinks import eventually


class IdleClients:
    """Connections that are open and silent."""

    def __init__(self, port: int, count: int) -> None:
        """Settle how many connections to open."""
        self._port, self._count = port, count
        self._stack = ExitStack()
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Connect."""
        for _ in range(self._count):
            wire = socket.create_connection((LOOPBACK, self._port), timeout=10)
            self.sockets.append(self._stack.enter_context(wire))
        return self

    def __exit__(self, *_: object) -> None:
        """Close all."""
        self._stack.close()


class SlowClients(IdleClients):
    """Connections on which a request comes a byte a second, over and over."""

    def __init__(self, port: int, count: int, *, at_once: bytes, slowly: bytes) -> None:
        """Settle what is sent at the start, and what then a byte a second."""
        super().__init__(port, count)
        self._at_once, self._slowly = at_once, slowly
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> Self:
        """Connect and begin to send."""
        super().__enter__()
        for wire in self.sockets:
            wire.sendall(self._at_once)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sending and close all."""
        self._stopping.set()
        self._thread.join(10)
        super().__exit__()

    def _send(self) -> None:
        for byte in self._slowly:
            for wire in self.sockets:
                with contextlib.suppress(OSError):
                    wire.sendall(bytes([byte]))
            if self._stopping.wait(1.0):
                return


class DeafClients(IdleClients):
    """Connections that ask again and again and never read; one that was cut comes back."""

    def __init__(
        self,
        port: int,
        count: int,
        request: bytes,
        *,
        times: int | None = None,
        drips: bool = False,
    ) -> None:
        """Settle what is asked for.

        `times` bounds how often each connection asks; one that `drips` reads a byte now and then.
        """
        super().__init__(port, count)
        self._request, self._times, self._drips = request, times, drips
        self.cut = 0
        """How many connections the server has ended."""
        self.blocked: set[int] = set()
        """Places whose connection takes no more requests."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._unsent: list[bytes] = []

    def __enter__(self) -> Self:
        """Connect and begin to ask."""
        for place in range(self._count):
            self._unsent.append(b"")
            self.sockets.append(self._connect(place))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking and close all."""
        self._stopping.set()
        self._thread.join(10)
        for wire in self.sockets:
            wire.close()

    def _connect(self, place: int) -> socket.socket:
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before the connection
        wire.settimeout(10)
        try:
            wire.connect((LOOPBACK, self._port))
        except OSError:
            wire.close()
            raise
        wire.setblocking(False)
        self._unsent[place] = self._request * (self._times or 1)
        return wire

    def _ask(self) -> None:
        while not self._stopping.wait(0.005):
            for place, wire in enumerate(self.sockets):
                if wire.fileno() < 0:
                    continue  # there was nobody to come back to
                self.blocked.discard(place)
                try:
                    self._send(place, wire)
                except BlockingIOError:
                    self.blocked.add(place)
                except OSError:
                    self.cut += 1
                    wire.close()
                    with contextlib.suppress(OSError):
                        self.sockets[place] = self._connect(place)

    def _send(self, place: int, wire: socket.socket) -> None:
        if failed := wire.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(failed, "ended")
        if self._drips:
            with contextlib.suppress(BlockingIOError):
                wire.recv(1)
        for _ in range(100):
            if not self._unsent[place]:
                if self._times is not None:
                    return
                self._unsent[place] = self._request * 20
            sent = wire.send(self._unsent[place])
            self._unsent[place] = self._unsent[place][sent:]


def answers(sockets: Sequence[socket.socket], timeout: float) -> list[bytes]:
    """Wait until the server has ended every connection, and return what it said on each."""
    said = [b""] * len(sockets)
    open_ones = set(range(len(sockets)))

    def all_ended() -> bool:
        for place in list(open_ones):
            sockets[place].setblocking(False)
            try:
                chunk = sockets[place].recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                chunk = b""
            said[place] += chunk
            if not chunk:
                open_ones.discard(place)
        return not open_ones

    eventually(all_ended, timeout)
    return said
