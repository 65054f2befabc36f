"""Answers on their way to clients, and the ends of connections; nothing waits for either.

* What a client does not take at once of its answer is sent when there is room.
* After the last answer the client is to close (RFC 9112, section 9.6); gthread's main loop reads
  for two seconds what one may still send, and serves nobody else meanwhile.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from app.server.client_socket import Unsent
from app.server.connection import Connection
from app.server.poller import NOTHING, READ, WRITE, Poller
from app.server.serving import Serving

LINGER = 2.0
"""Seconds for a client to close after the last answer."""
_LINGER_BYTES = 64 * 1024


class Sending(Serving):
    """A worker's connections; each is in one of the lists, or with a thread."""

    poller: Poller

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count = 0
        """Connections that are open."""
        self.unsent = Unsent(self.is_contended, self.count_cut)
        self.sending: dict[Connection, None] = {}
        # Each in the order of their deadlines, for those of one list are equally long.
        self.idle: dict[Connection, None] = {}
        self.partial: dict[Connection, None] = {}
        self.closing: dict[Connection, None] = {}

    def go_on(self, conn: Connection, goes_on: bool) -> None:
        """Look at the next request of a connection whose answer is out, or end it."""
        raise NotImplementedError

    def is_contended(self) -> bool:
        """Tell whether requests wait for a thread, or the master for this worker."""
        return self.jobs.qsize() > 0 or not self.alive

    def count_cut(self) -> None:
        """Count an answer that its client did not read in time."""
        raise NotImplementedError

    def close(self, conn: Connection) -> None:
        """Close a connection, whatever it was doing."""
        if conn.sock.fileno() < 0:
            return
        for each in (self.idle, self.partial, self.sending, self.closing):
            each.pop(conn, None)
        self.poller.watch(conn, NOTHING)
        conn.sock.close()
        self.count -= 1

    def take_back(self, conn: Connection, goes_on: bool) -> None:
        """Go on with a connection that was answered, or send the rest of its answer first."""
        if conn.sock.held:
            conn.goes_on = goes_on
            conn.sock.start_waiting(time.monotonic())
            conn.ready = self._send_more
            self.sending[conn] = None
            self.poller.watch(conn, WRITE)
        else:
            self.go_on(conn, goes_on)

    def _send_more(self, conn: Connection) -> None:
        try:
            if not conn.sock.flush():
                return
        except OSError:
            self.close(conn)
            return
        del self.sending[conn]
        self.go_on(conn, conn.goes_on)

    def await_close(self, conn: Connection) -> None:
        """Say that no more comes; closing at once could destroy the answer on its way."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close(conn)
            return
        conn.deadline = time.monotonic() + LINGER
        conn.left = _LINGER_BYTES
        conn.ready = self._drain
        self.closing[conn] = None
        self.poller.watch(conn, READ)

    def _drain(self, conn: Connection) -> None:
        try:
            received = len(conn.sock.recv(_LINGER_BYTES))
        except BlockingIOError:
            return
        except OSError:
            received = 0
        conn.left -= received
        if not received or conn.left <= 0:
            self.close(conn)
