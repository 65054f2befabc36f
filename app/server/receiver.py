"""How our gunicorn worker takes requests off the wire: no thread waits for a client.

gthread gives every new connection a thread, which waits for its first bytes, and then for the
rest of the request: a few hundred clients that send nothing, or a byte a second, stop a worker.
Here the main loop receives, and a thread gets the connection when a whole request is there.

* Connections without a request are idle ones, closed after `keepalive`; when connections become
  scarce the one idle for longest makes room, as in nginx.
* A request that is not complete after READ_WAIT is answered 408.
* What is too long to hold is read by its thread, which waits for a tenth of that while other
  requests wait for a thread.
* No free file descriptor: wait for one, instead of ending the worker.

No TLS: it ends at the balancer.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from app import metrics
from app.server.client_socket import SEND_BUFFER, ClientSocket, Unsent
from app.server.framing import HELD, is_complete
from app.server.hosts import HostedParser
from app.server.raw_answers import TIMEOUT, new_request_id

READ_WAIT = 10.0
"""Seconds for a client to send a whole request."""
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
_DESCRIPTOR_WAIT = 0.05
_COMPLAINT_INTERVAL = 60.0
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_GONE = frozenset({errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK})


class _Unreader(SocketUnreader):  # type: ignore[misc]
    """Knows since when a thread has been reading the request that it serves."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.begun = 0.0
        self.waiting = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Receive some bytes."""
        self.begun = self.begun or time.monotonic()
        self.waiting = True
        try:
            received: bytes = super().chunk(size_hint)
        finally:
            self.waiting = False
        return received


class Receiver(ThreadWorker):  # type: ignore[misc]
    """A gthread worker whose threads only see whole requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.serving: set[Any] = set()
        self.serving_lock = threading.Lock()
        self.over = False
        """The drain is over: nothing is answered any more."""
        self.unsent = Unsent(self._is_contended, partial(self.ended_early, ANSWER_UNREAD))
        self._partial: dict[Any, bytearray] = {}
        self._complained_at: dict[str, float] = {}
        self._next_cut = 0.0

    def init_process(self) -> None:
        """Begin to serve; what is set on a listener holds for every connection it accepts."""
        for listener in self.sockets:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Accept a connection; its first request may be there already."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._await_descriptor(error)
            elif error.errno not in _GONE:
                raise
            return
        self.nr_conns += 1
        client = ClientSocket(sock, self.unsent)
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.data_ready = True  # a thread never waits for the first bytes
        self._receive(conn)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Receive on a connection that was idle."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._receive(conn)

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        """Receive more of a request."""
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        self._receive(conn)

    def handle(self, conn: Any) -> Any:
        """Serve the request that came on `conn`, in a thread, unless the drain is over."""
        with self.serving_lock:
            if self.over:
                return False
            self.serving.add(conn)
        conn.parser.unreader.begun = 0.0
        conn.sock.begin()
        try:
            return super().handle(conn)
        finally:
            with self.serving_lock:
                self.serving.discard(conn)

    def murder_pending(self) -> None:
        """End what takes too long, and idle connections where others need the room."""
        now = time.monotonic()
        while self.pending_conns and self.pending_conns[0].timeout <= now:
            conn = self.pending_conns.popleft()
            self.poller.unregister(conn.sock)
            with contextlib.suppress(OSError):
                conn.sock.sendall(TIMEOUT.encode(new_request_id()))
            self._close(conn)
            self.ended_early(REQUEST_LATE)
        while self._room() <= 0 and self._close_oldest_waiting():
            self.ended_early(SCARCE)
        if now >= self._next_cut:
            self._next_cut = now + CONTENDED_READ_WAIT / 4
            self._cut_slow_readers(now)

    def _receive(self, conn: Any) -> None:
        """Take what has come; give a whole request, or the end of the stream, to a thread."""
        ended = False
        try:
            data: bytes = conn.sock.recv(HELD)
            ended = not data
        except BlockingIOError:
            data = b""
        except OSError:
            self._close(conn)
            return
        self._take(conn, data, ended=ended)

    def _take(self, conn: Any, data: bytes, *, ended: bool) -> None:
        partial_request = self._partial.pop(conn, None)
        received = data if partial_request is None else partial_request + data
        if ended and not received:
            self._close(conn)
        elif ended or is_complete(received):
            self._dispatch(conn, bytes(received))
        elif received:
            self._hold(conn, received, first=partial_request is None)
        else:
            self._keep_idle(conn)

    def _dispatch(self, conn: Any, received: bytes) -> None:
        if not conn.initialized:
            conn.parser = HostedParser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = _Unreader(conn.sock)
            conn.initialized = True
        conn.parser.unreader.unread(received)
        self.enqueue_req(conn)

    def _hold(self, conn: Any, received: bytes | bytearray, *, first: bool) -> None:
        self._partial[conn] = bytearray(received)
        if first:
            conn.timeout = time.monotonic() + READ_WAIT
            self.pending_conns.append(conn)
        else:
            self._insert_by_timeout(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _insert_by_timeout(self, conn: Any) -> None:
        place = len(self.pending_conns)
        while place and self.pending_conns[place - 1].timeout > conn.timeout:
            place -= 1
        self.pending_conns.insert(place, conn)

    def _keep_idle(self, conn: Any) -> None:
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_client_socket_readable, conn))

    def _cut_slow_readers(self, now: float) -> None:
        latest = now - (CONTENDED_READ_WAIT if self._is_contended() else READ_WAIT)
        with self.serving_lock:
            unreaders = [conn.parser.unreader for conn in self.serving]
        for unreader in unreaders:
            if unreader.waiting and unreader.begun < latest:
                # The thread reads the end of the stream, and answers that.
                with contextlib.suppress(OSError):
                    unreader.sock.shutdown(socket.SHUT_RD)
                unreader.begun = float("inf")
                self.ended_early(REQUEST_LATE)

    def _is_contended(self) -> bool:
        waiting = self.tpool._work_queue.qsize() > 0  # noqa: SLF001  # nothing else tells
        return waiting or not self.alive

    def _room(self) -> int:
        return int(self.worker_connections - SPARE_CONNECTIONS - self.nr_conns)

    def _close_oldest_waiting(self) -> bool:
        """Close one that never asked anything, or the idle for longest, or a begun request."""
        waiting = self.keepalived_conns or self.pending_conns
        if not waiting:
            return False
        conn = next((conn for conn in waiting if not conn.initialized), waiting[0])
        waiting.remove(conn)
        self.poller.unregister(conn.sock)
        self._close(conn)
        return True

    def _close(self, conn: Any) -> None:
        self._partial.pop(conn, None)
        self.nr_conns -= 1
        conn.close()

    def _await_descriptor(self, error: OSError) -> None:
        self._complain(f"No connection can be accepted: {errno.errorcode[error.errno or 0]}")
        if self._close_oldest_waiting():
            self.ended_early(SCARCE)
        else:
            # The listener stays readable: without a pause this loop would spin.
            time.sleep(_DESCRIPTOR_WAIT)

    def ended_early(self, cause: str) -> None:
        """Count a connection that its client lost, and say so now and then."""
        metrics.record_connection_ended(cause)
        self._complain(_COMPLAINTS[cause])

    def _complain(self, message: str) -> None:
        """Say it now and then: whoever floods us must not flood the log."""
        now = time.monotonic()
        if now - self._complained_at.get(message, float("-inf")) >= _COMPLAINT_INTERVAL:
            self._complained_at[message] = now
            self.log.warning(message)


def connections_for(descriptors: int, wanted: int, own: int) -> int:
    """Return how many connections a worker may hold so that its `own` files always find room."""
    return max(2 * SPARE_CONNECTIONS, min(wanted, descriptors - own))
