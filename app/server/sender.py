"""How our gunicorn worker gives answers to clients: no thread and no loop waits for them.

gthread sends in the thread that made the answer, for as long as the client takes, and its main loop
waits two seconds for a client to close. Here the main loop sends what a client did not take at once
(`app/server/client_socket.py`), and closes when the client has, or has had its time.

* An answer that its client does not take in WRITE_WAIT is cut off and counted; in a second while
  others need what it holds, or the worker stops.
* The next request of a connection is looked at when its answer is out.
"""

from __future__ import annotations

import socket
import time
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from app.server.client_socket import CONTENDED_WRITE_WAIT, HELD_OF_ALL
from app.server.receiver import SPARE_CONNECTIONS, Receiver

LINGER = 2.0
"""Seconds for a client to close after the last answer (RFC 9112, section 9.6)."""
_LINGER_BYTES = 64 * 1024
_DRAINED = 4096


class Sender(Receiver):
    """A worker whose threads are free when they have made their answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sending: dict[Any, bool] = {}
        """Connections whose answer waits for the client; whether they go on afterwards."""
        self._closing: dict[Any, tuple[float, int]] = {}
        """Connections that the client is to close; until when, and bytes it may still send."""
        self._next_look = 0.0

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Take a connection back from its thread, in the main loop."""
        try:
            goes_on = not fs.cancelled() and bool(fs.result())
            if conn.sock.held:
                conn.sock.start_waiting(time.monotonic())
                self._sending[conn] = goes_on
                self.poller.register(conn.sock, EVENT_WRITE, partial(self._send_more, conn))
            else:
                self._go_on(conn, goes_on)
        except Exception:
            self.log.exception("A connection cannot be taken back")
            self._close(conn)

    def murder_pending(self) -> None:
        """End what takes too long."""
        super().murder_pending()
        now = time.monotonic()
        while self._closing and next(iter(self._closing.values()))[0] <= now:
            self._end(next(iter(self._closing)))
        if now >= self._next_look:
            self._next_look = now + CONTENDED_WRITE_WAIT / 4
            self._cut_slow_readers_of_answers(now)

    def cut_all(self) -> None:
        """Cut every answer that is not out: the drain is over."""
        for conn in list(self._sending):
            conn.sock.cut()

    def _send_more(self, conn: Any, client: Any) -> None:
        try:
            if not client.flush():
                return
        except OSError:
            self._forget_sending(conn)
            self._close(conn)
            return
        self._go_on(conn, self._forget_sending(conn))

    def _forget_sending(self, conn: Any) -> bool:
        self.poller.unregister(conn.sock)
        return self._sending.pop(conn)

    def _go_on(self, conn: Any, goes_on: bool) -> None:
        if not goes_on:
            self._await_close(conn)
            return
        conn.sock.setblocking(False)
        # A client may send its next request without waiting for the answer to the first.
        if early := conn.parser.unreader.take_buffered():
            self._take(conn, early, ended=False)
        else:
            self._keep_idle(conn)

    def _await_close(self, conn: Any) -> None:
        """Say that no more comes; closing at once could destroy the answer on its way."""
        conn.sock.setblocking(False)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self._closing[conn] = (time.monotonic() + LINGER, _LINGER_BYTES)
        self.poller.register(conn.sock, EVENT_READ, partial(self._drain, conn))

    def _drain(self, conn: Any, client: Any) -> None:
        try:
            received = len(client.recv(_DRAINED))
        except BlockingIOError:
            return
        except OSError:
            received = 0
        until, left = self._closing[conn]
        self._closing[conn] = (until, left - received)
        if not received or left <= received:
            self._end(conn)

    def _end(self, conn: Any) -> None:
        del self._closing[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _cut_slow_readers_of_answers(self, now: float) -> None:
        contended = (
            not self.alive
            or self.nr_conns + SPARE_CONNECTIONS >= self.worker_connections
            or self.unsent.bytes > HELD_OF_ALL / 2
        )
        overdue = [conn for conn in self._sending if conn.sock.is_overdue(now, contended=contended)]
        for conn in overdue:
            conn.sock.cut()
            self._forget_sending(conn)
            self._close(conn)

    def _close_oldest_waiting(self) -> bool:
        if self._closing:
            self._end(next(iter(self._closing)))
            return True
        return super()._close_oldest_waiting()
