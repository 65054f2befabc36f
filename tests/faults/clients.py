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
