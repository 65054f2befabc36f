"""The main loop: receives, and answers at once or has a thread answer.

gthread gives every new connection a thread, which waits for its first bytes, then for the rest of
the request, then for the client to take the answer. Here nothing that a client does or leaves
undone holds a thread, and nothing holds the loop; docs/decisions/0014-main-loop.md has the reasons.

* A request that has come whole is answered by the loop where nothing can make it wait, else by a
  thread. What is too long to hold, or expects "100 Continue", is read by its thread.
* Answers and ends of connections are in `app/server/sending.py`.

No TLS: it ends at the balancer.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from app.server.client_socket import SEND_BUFFER, ClientSocket
from app.server.connection import Connection
from app.server.framing import HELD, is_complete
from app.server.plain_requests import PlainRequest, PlainRequests, common_environ
from app.server.poller import NOTHING, READ, Alarm, Listener, Poller
from app.server.sending import LINGER, Sending

READ_WAIT = 10.0
"""Seconds for a client to send a whole request."""
_TURN = 64
"""Events, and waiting requests, that are served before everything else is looked at again."""


class Connections(Sending):
    """A worker's connections; each is in one of the lists, or with a thread."""

    listeners: list[Listener]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accepted_so_far = 0
        self._next: deque[Connection] = deque()
        """Connections whose next request may be here already."""
        self._finished: deque[tuple[Connection, bool]] = deque()
        self._asleep = False

    def start_loop(self) -> None:
        """Watch the listeners; what is set on one holds for every connection it accepts."""
        self.poller = Poller()
        self.alarm = Alarm((self.PIPE[0], self.PIPE[1]))  # signals ring it too
        self.poller.watch(self.alarm, READ)
        self.listeners = [Listener(each, self._accept) for each in self.sockets]
        for listener in self.listeners:
            listener.sock.setblocking(False)
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._keepalive = self.cfg.keepalive
        self._most_kept = self.cfg.worker_connections - self.cfg.threads
        self._plain = PlainRequests(self.cfg)
        self._environ = common_environ(self.cfg)
        self.start_threads()

    def listen(self, *, accepting: bool) -> None:
        """Accept connections from now on, or no more."""
        for listener in self.listeners:
            self.poller.watch(listener, READ if accepting else NOTHING)

    def turn(self, timeout: float) -> None:
        """Wait for something to do, and do a bounded part of it."""
        self._asleep = True
        if self._finished or self._next:
            timeout = 0.0
        found = self.poller.poll(timeout, _TURN)
        self._asleep = False
        for one in found:
            if one.interest:  # what was served before it may have closed it
                self._step(one.ready, one)
        while self._finished:
            self._step(self.take_back, *self._finished.popleft())
        for _ in range(min(len(self._next), _TURN)):
            self._step(self._take, self._next.popleft())

    def _step(self, do: Callable[..., None], one: Any, *more: Any) -> None:
        """Do something for one connection; what goes wrong with it must not end the others."""
        try:
            do(one, *more)
        except Exception:
            if not isinstance(one, Connection):
                raise
            self.log.exception("A connection is given up")
            self.close(one)

    def accepted(self) -> None:
        """There is a connection more."""
        raise NotImplementedError

    def accept_failed(self, error: OSError) -> None:
        """Do something about a connection that could not be accepted."""
        raise NotImplementedError

    def has_room(self) -> bool:
        """Tell whether the connection may be kept after this answer."""
        return bool(self._keepalive) and len(self.idle) < self._most_kept

    def give_back(self, conn: Connection, goes_on: bool) -> None:
        """Take a connection whose request was answered in a thread back into the main loop."""
        self._finished.append((conn, goes_on))
        if self._asleep:
            self.alarm.ring()

    def _accept(self, listener: Listener) -> None:
        try:
            accepted, address = listener.sock.accept()
        except OSError as error:
            self.accept_failed(error)
            return
        self.count += 1
        self.accepted_so_far += 1
        sock = ClientSocket(accepted, self.unsent)
        sock.setblocking(False)
        conn = Connection(sock, address, listener.name)
        if self._environ is not None and isinstance(address, tuple):
            conn.environ = {**self._environ, **conn.addresses()}
        self.accepted()
        self._receive(conn)  # its first request may be here

    def _receive(self, conn: Connection) -> None:
        try:
            data = conn.sock.recv(HELD)
        except BlockingIOError:
            if not conn.received:
                self._keep_idle(conn)
            return
        except OSError:
            self.close(conn)
            return
        conn.received = conn.received + data if conn.received else data
        self._take(conn, ended=not data)

    def _take(self, conn: Connection, *, ended: bool = False) -> None:
        """Look at what has come: a whole request, a part of one, or nothing."""
        received = conn.received
        request = conn.request
        if request is None and conn.environ is not None and b"\r\n\r\n" in received:
            request = self._plain.read(received, conn.environ)
        if request is not None and len(received) >= request.end:
            conn.received = request.take_body(received)
            conn.request = None
            self._begin(conn)
            self._serve_now(conn, request)
        elif ended and not received:
            self.close(conn)
        elif ended or (request is None and is_complete(received)):
            conn.request = None
            self._begin(conn)
            self._hand_on(conn, None)
        elif received:
            conn.request = request
            self._hold(conn)
        else:
            self._keep_idle(conn)

    def _begin(self, conn: Connection) -> None:
        self.idle.pop(conn, None)
        self.partial.pop(conn, None)
        conn.asked = True
        conn.sock.begin()
        self.count_request()

    def _serve_now(self, conn: Connection, request: PlainRequest) -> None:
        goes_on = self.answer_at_once(conn, request)
        if goes_on is None:
            self._hand_on(conn, request)
        else:
            self.take_back(conn, goes_on)

    def _hand_on(self, conn: Connection, request: PlainRequest | None) -> None:
        # It stays registered: most clients send nothing before they have their answer.
        conn.ready = self._ignore
        self.jobs.put((conn, request))

    def _ignore(self, conn: Connection) -> None:
        self.poller.watch(conn, NOTHING)

    def go_on(self, conn: Connection, goes_on: bool) -> None:
        """Look at the next request of a connection whose answer is out, or end it."""
        if not goes_on:
            self.await_close(conn)
        elif conn.received:
            # In its turn: who sends many requests at once is served like who sends one.
            conn.ready = self._ignore
            self._next.append(conn)
        else:
            self._keep_idle(conn)

    def _keep_idle(self, conn: Connection) -> None:
        conn.deadline = time.monotonic() + (self._keepalive if self.alive else LINGER)
        conn.ready = self._receive
        self.idle.pop(conn, None)
        self.idle[conn] = None
        self.poller.watch(conn, READ)

    def _hold(self, conn: Connection) -> None:
        if conn not in self.partial:
            self.idle.pop(conn, None)
            conn.deadline = time.monotonic() + READ_WAIT
            self.partial[conn] = None
        conn.ready = self._receive
        self.poller.watch(conn, READ)
