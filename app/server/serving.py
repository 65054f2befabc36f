"""How our gunicorn worker answers: in the main loop what cannot wait, in threads the rest.

An application says in `extensions["at_once"]` what can be answered without waiting: a callable like
the application itself that returns None, with nothing done, for everything else.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any

from gunicorn.http import errors, wsgi
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import base

from app.server.client_socket import ClientGone, ClientSocket
from app.server.connection import Connection
from app.server.hosts import HostedParser
from app.server.plain_requests import PlainRequest
from app.server.raw_answers import INTERNAL_ERROR, answer_to, new_request_id
from app.server.response import Response

Application = Callable[[dict[str, Any], Any], Iterable[bytes] | None]
DRAIN_WAIT = 5.0
"""Seconds for the rest of a body that the application did not read."""


class ThreadUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads in a thread what is too long to hold, and knows for how long it has been reading."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.begun = time.monotonic()
        self.waiting = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Receive some bytes."""
        self.waiting = True
        try:
            received: bytes = super().chunk(size_hint)
        finally:
            self.waiting = False
        return received


class _Loop:
    """A connection's socket for the main loop, which never waits."""

    __slots__ = ("sendall",)

    def __init__(self, sock: ClientSocket) -> None:
        self.sendall = sock.offer


class Serving(base.Worker):  # type: ignore[misc]
    """A worker's threads, and the way of a request through the application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.alive: bool
        self.serving: set[Connection] = set()
        self.serving_lock = threading.Lock()
        self.over = False
        """The drain is over: nothing is answered any more."""
        self.at_once: Application | None = None
        self.jobs: SimpleQueue[tuple[Connection, PlainRequest | None]] = SimpleQueue()
        """Requests that wait for a thread; None is one that gunicorn's parser has to read."""

    def start_threads(self) -> None:
        """Begin to serve, with an application that is loaded."""
        self.at_once = getattr(self.wsgi, "extensions", {}).get("at_once")
        for number in range(self.cfg.threads):
            name = f"request-{number}"
            threading.Thread(target=self._serve_forever, name=name, daemon=True).start()

    def give_back(self, conn: Connection, goes_on: bool) -> None:
        """Take a connection whose request was answered in a thread back into the main loop."""
        raise NotImplementedError

    def has_room(self) -> bool:
        """Tell whether the connection may be kept after this answer."""
        raise NotImplementedError

    def count_request(self) -> None:
        """Count a request that is about to be served; only the main loop does."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False

    def answer_at_once(self, conn: Connection, request: PlainRequest) -> bool | None:
        """Answer in the main loop and tell whether the connection goes on; None: it may wait."""
        if self.at_once is None:
            return None
        response = Response(request, _Loop(conn.sock), self.cfg)
        return self._answer(response, self.at_once, request.environ)

    def _serve_forever(self) -> None:
        while True:
            conn, request = self.jobs.get()
            goes_on = False
            try:
                goes_on = self._serve(conn, request)
            except (Exception, SystemExit):  # an application's own `exit` must not end the thread
                self.log.exception("A connection is given up")
            finally:
                self.give_back(conn, goes_on)

    def _serve(self, conn: Connection, request: PlainRequest | None) -> bool:
        with self.serving_lock:
            if self.over:
                return False
            self.serving.add(conn)
        try:
            if request is None:
                return self._serve_unusual(conn)
            response = Response(request, conn.sock, self.cfg)
            return bool(self._answer(response, self.wsgi, request.environ))
        finally:
            with self.serving_lock:
                self.serving.discard(conn)

    def _serve_unusual(self, conn: Connection) -> bool:
        """Let gunicorn's parser read a request, as far as it comes, and answer it."""
        parser = HostedParser(self.cfg, conn.sock, conn.address)
        parser.unreader = conn.unreader = ThreadUnreader(conn.sock)
        parser.unreader.unread(conn.received)
        conn.sock.setblocking(True)
        try:
            return self._parse_and_answer(conn, parser) and self._finish_body(parser)
        finally:
            conn.received = parser.unreader.take_buffered()
            conn.unreader = None
            conn.sock.setblocking(False)

    def _parse_and_answer(self, conn: Connection, parser: HostedParser) -> bool:
        try:
            request = next(parser)
            response, environ = wsgi.create(
                request, conn.sock, conn.address, conn.server, self.cfg, Response
            )
        except (errors.NoMoreData, StopIteration, ClientGone, ConnectionError):
            return False
        except Exception as error:  # noqa: BLE001  # whatever it is gets an answer
            self.refuse(conn.sock, error)
            return False
        environ["wsgi.multithread"] = True
        return bool(self._answer(response, self.wsgi, environ))

    def _finish_body(self, parser: HostedParser) -> bool:
        """Read what the application left; one request never gets a second answer.

        A proxy would take an answer about the unread body for that of its next request.
        """
        try:
            return bool(parser.finish_body(deadline=time.monotonic() + DRAIN_WAIT))
        except (errors.ParseException, OSError):
            return False

    def _answer(
        self, response: Response, application: Application, environ: dict[str, Any]
    ) -> bool | None:
        """Call the application and send what it says; tell whether the connection goes on."""
        if not self.alive or not self.has_room():
            response.force_close()
        try:
            body = application(environ, response.start_response)
            if body is None:
                return None
            try:
                for piece in body:
                    response.write(piece)
                response.close()
            finally:
                if hasattr(body, "close"):
                    body.close()
        except ClientGone:
            return False
        except Exception as error:  # not SystemExit: in the main loop it is a signal that ends us
            if response.begun:
                # A second answer would be taken for a part of the first.
                self.log.exception("Error handling request")
            else:
                self.refuse(response.sock, error)
            return False
        return not response.should_close()

    def refuse(self, sock: Any, exc: BaseException) -> None:
        """Answer an unreadable request, or one whose application raised, in our JSON shape."""
        answer = answer_to(exc)
        request_id = new_request_id()
        extra = {"request_id": request_id, "status": answer.status}
        if answer is INTERNAL_ERROR:
            self.log.error("Error handling request", exc_info=exc, extra=extra)
        else:
            # The exception's text holds what the client sent: its kind says enough.
            self.log.warning("Invalid request: %s", type(exc).__name__, extra=extra)
        with contextlib.suppress(OSError):
            sock.sendall(answer.encode(request_id))
