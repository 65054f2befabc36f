"""What a client may take of a worker: time, connections, memory; and what is counted of that.

* Connections without a request are idle ones, closed after `keepalive`; when connections become
  scarce the one idle for longest makes room, as in nginx.
* A request that is not complete after READ_WAIT is answered 408. A thread that reads a long one
  waits for a tenth of that while other requests wait for a thread.
* An answer that is not taken in WRITE_WAIT is cut off; in CONTENDED_WRITE_WAIT while others need
  what it holds.
* No free file descriptor: accept nothing for a moment, instead of ending the worker.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from typing import Any

from app import metrics
from app.server.client_socket import CONTENDED_WRITE_WAIT, HELD_OF_ALL
from app.server.connection import Connection
from app.server.connections import READ_WAIT, Connections
from app.server.raw_answers import TIMEOUT, new_request_id
from app.server.sending import LINGER

CONTENDED_READ_WAIT = 1.0
"""Seconds for which a thread waits for a client while other requests wait for a thread."""
SPARE_CONNECTIONS = 8
"""Idle connections make room when so few more can be accepted."""
ANSWER_UNREAD, REQUEST_LATE, SCARCE = "answer_unread", "request_late", "scarce"
_COMPLAINTS = {
    ANSWER_UNREAD: "Answers are not read in time: cut off",
    REQUEST_LATE: "Requests do not arrive in time: answered 408",
    SCARCE: "Connections are scarce: idle ones are closed",
}
_COMPLAINT_INTERVAL = 60.0
_LOOK = CONTENDED_WRITE_WAIT / 4
_DESCRIPTOR_WAIT = 0.05
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_GONE = frozenset({errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK})


class Limits(Connections):
    """A worker whose clients get so much and no more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._complained_at: dict[str, float] = {}
        self._next_look = 0.0
        self._accept_again = 0.0

    def serve_a_turn(self, longest: float) -> None:
        """Let the main loop turn once, and look at the clock; `longest` in seconds."""
        left = self._accept_again - time.monotonic()
        self.listen(accepting=left <= 0 and self.count < self.cfg.worker_connections)
        self.turn(longest if left <= 0 else min(longest, left))
        self.look()

    def look(self) -> None:
        """Tell the master that we live, and end what takes too long; four times a second."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK
        self.notify()
        for conn in _overdue(self.idle, now) + _overdue(self.closing, now):
            self.close(conn)
        for conn in _overdue(self.partial, now):
            with contextlib.suppress(OSError):
                conn.sock.offer(TIMEOUT.encode(new_request_id()))
            self.close(conn)
            self.ended_early(REQUEST_LATE)
        self._cut_slow_senders(now)
        self._cut_slow_readers(now)

    def cap_idle(self) -> None:
        """Close idle connections soon: a client may already be sending its next request."""
        latest = time.monotonic() + LINGER
        for conn in self.idle:
            conn.deadline = min(conn.deadline, latest)

    def accepted(self) -> None:
        """Keep some room for more."""
        while self.count + SPARE_CONNECTIONS >= self.cfg.worker_connections:
            if not self._close_oldest_waiting():
                break
            self.ended_early(SCARCE)

    def accept_failed(self, error: OSError) -> None:
        """Make room, or wait for some; the client may also be gone already."""
        if error.errno in _GONE:
            return
        if error.errno not in _EXHAUSTED:
            raise error
        self._complain(f"No connection can be accepted: {errno.errorcode[error.errno or 0]}")
        if self._close_oldest_waiting():
            self.ended_early(SCARCE)
        else:
            # The listener stays readable: without a pause the loop would spin.
            self._accept_again = time.monotonic() + _DESCRIPTOR_WAIT

    def count_cut(self) -> None:
        """Count an answer that its client did not read in time."""
        self.ended_early(ANSWER_UNREAD)

    def ended_early(self, cause: str) -> None:
        """Count a connection that its client lost, and say so now and then."""
        metrics.record_connection_ended(cause)
        self._complain(_COMPLAINTS[cause])

    def cut_all(self) -> None:
        """Cut every answer that is not out: the drain is over."""
        for conn in list(self.sending):
            conn.sock.cut()

    def _cut_slow_senders(self, now: float) -> None:
        """Cut requests that threads are reading."""
        latest = now - (CONTENDED_READ_WAIT if self.is_contended() else READ_WAIT)
        with self.serving_lock:
            unreaders = [conn.unreader for conn in self.serving]
        for unreader in unreaders:
            if unreader is not None and unreader.waiting and unreader.begun < latest:
                # The thread reads the end of the stream, and answers that.
                with contextlib.suppress(OSError):
                    unreader.sock.shutdown(socket.SHUT_RD)
                unreader.begun = float("inf")
                self.ended_early(REQUEST_LATE)

    def _cut_slow_readers(self, now: float) -> None:
        contended = (
            not self.alive
            or self.count + SPARE_CONNECTIONS >= self.cfg.worker_connections
            or self.unsent.bytes > HELD_OF_ALL / 2
        )
        for conn in list(self.sending):
            if conn.sock.is_overdue(now, contended=contended):
                conn.sock.cut()
                self.close(conn)

    def _close_oldest_waiting(self) -> bool:
        """Close one that only has to close, never asked, is idle for longest, or has begun."""
        waiting = self.closing or self.idle or self.partial
        if not waiting:
            return False
        self.close(next((conn for conn in waiting if not conn.asked), next(iter(waiting))))
        return True

    def _complain(self, message: str) -> None:
        """Say it now and then: whoever floods us must not flood the log."""
        now = time.monotonic()
        if now - self._complained_at.get(message, float("-inf")) >= _COMPLAINT_INTERVAL:
            self._complained_at[message] = now
            self.log.warning(message)


def connections_for(descriptors: int, wanted: int, own: int) -> int:
    """Return how many connections a worker may hold so that its `own` files always find room."""
    return max(2 * SPARE_CONNECTIONS, min(wanted, descriptors - own))


def _overdue(connections: dict[Connection, None], now: float) -> list[Connection]:
    found = []
    for conn in connections:
        if conn.deadline > now:
            break
        found.append(conn)
    return found
