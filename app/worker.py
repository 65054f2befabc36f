"""What our gunicorn worker does otherwise than gunicorn's own gthread worker.

* Errors of the HTTP parser are answered in the service's JSON shape.
* No request is answered once the drain is over, so that the telemetry of every answered request
  can be flushed.
* A client that stops in the middle of a request does not keep a thread for ever.
* SIGINT and SIGQUIT drain too, only shorter; a stop signal that came while forking is not lost.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
import uuid
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

QUICK_DRAIN = 3
"""Seconds for requests in flight at SIGINT or SIGQUIT."""
HURRIED_FLUSH = 1.2
"""Seconds: the master kills 2 s after a SIGINT that follows a SIGTERM."""
SETTLE = 0.2
"""Seconds for threads that have answered to write their log line."""
READ_WAIT = 10.0
"""Seconds for a client to send a whole request; a thread waits for it, and there are few."""
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})

_OURS = (500, "Internal Server Error", "INTERNAL_ERROR", "Internal server error")
_MALFORMED = (400, "Bad Request", "BAD_REQUEST", "Malformed request")
# The first match counts; what matches nothing was raised by the application.
_ANSWERS: tuple[tuple[type[Exception], tuple[int, str, str, str]], ...] = (
    (errors.InvalidResponseHeader, _OURS),
    (errors.InvalidResponseHeaderName, _OURS),
    (errors.ConfigurationProblem, _OURS),
    (errors.LimitRequestLine, (414, "URI Too Long", "URI_TOO_LONG", "URI too long")),
    (
        errors.LimitRequestHeaders,
        (431, "Request Header Fields Too Large", "HEADERS_TOO_LARGE", "Headers too large"),
    ),
    (
        errors.UnsupportedTransferCoding,
        (501, "Not Implemented", "NOT_IMPLEMENTED", "Unsupported transfer coding"),
    ),
    (
        errors.ExpectationFailed,
        (417, "Expectation Failed", "EXPECTATION_FAILED", "Expectation failed"),
    ),
    (errors.ParseException, _MALFORMED),
)


class Worker(ThreadWorker):  # type: ignore[misc]
    """A gthread worker that loses no telemetry when it stops and speaks JSON."""

    slot = 0
    """Lowest number no other living worker holds; set in pre_fork."""
    flush_budget: float = 0
    inherited_signals: Any = None
    """The master's queue of signals as it was at the fork; later ones of ours end up in it too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._serving: dict[Any, float] = {}
        self._lock = threading.Lock()
        self._over = False
        self._quitting = False

    def init_signals(self) -> None:
        """Take over from the master's handlers, which swallowed what came since the fork."""
        super().init_signals()
        queue = self.inherited_signals
        while queue is not None and not queue.empty():
            if queue.get_nowait() in STOP_SIGNALS:
                self.alive = False

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Drain for a short time; never raise at an arbitrary point unless it is urgent."""
        if self.alive:
            self._quitting = True
            self.cfg.set("graceful_timeout", QUICK_DRAIN)
            self.handle_exit(sig, frame)
        elif not self._quitting:
            # A second, impatient signal during the long drain of SIGTERM.
            self._quitting = True
            self.flush_budget = HURRIED_FLUSH
            raise SystemExit(0)

    def run(self) -> None:
        """Serve until stopped and drained; from then on answer nothing."""
        try:
            super().run()
        finally:
            self._cut_off()

    def handle(self, conn: Any) -> Any:
        """Serve what came on `conn`, unless the drain is over."""
        with self._lock:
            if self._over:
                return False
            self._serving[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            with self._lock:
                self._serving.pop(conn, None)

    def murder_pending(self) -> None:
        """Also stop to listen to clients that do not finish what they began to send."""
        super().murder_pending()
        latest = time.monotonic() - READ_WAIT
        with self._lock:
            slow = [conn for conn, begun in self._serving.items() if begun < latest]
        for conn in slow:
            # The thread reads the end of the stream; whoever is being answered loses nothing.
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RD)

    def close_app(self, seconds: float) -> None:
        """Run what the application registered in `extensions["worker_exit"]`, bounded."""
        closers = getattr(getattr(self, "wsgi", None), "extensions", {}).get("worker_exit", ())

        def close() -> None:
            for closer in closers:
                try:
                    closer()
                except Exception:
                    self.log.exception("Closing the application failed")

        if closers:
            thread = threading.Thread(target=close, name="close-app", daemon=True)
            thread.start()
            thread.join(seconds)

    def handle_error(self, _request: Any, client: Any, _address: Any, exc: BaseException) -> None:
        """Answer an unreadable request, or one whose application raised, in our JSON shape."""
        answer = next((answer for kind, answer in _ANSWERS if isinstance(exc, kind)), _OURS)
        request_id = uuid.uuid4().hex
        extra = {"request_id": request_id, "status": answer[0]}
        if answer is _OURS:
            self.log.error("Error handling request", exc_info=exc, extra=extra)
        else:
            # The exception's text holds what the client sent: its kind says enough.
            self.log.warning("Invalid request: %s", type(exc).__name__, extra=extra)
        with contextlib.suppress(Exception):
            util.write_nonblock(client, _answer(*answer, request_id))

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        # A connection that never sent a byte would hold the whole drain.
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _cut_off(self) -> None:
        with self._lock:
            self._over = True
            stuck = list(self._serving)
        for conn in stuck:
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + SETTLE
        while self._serving and time.monotonic() < deadline:
            time.sleep(0.005)


def _answer(status: int, reason: str, code: str, error: str, request_id: str) -> bytes:
    body = json.dumps({"error": error, "code": code}, separators=(",", ":"))
    return (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Server: gunicorn\r\n"
        f"Date: {util.http_date()}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\n"
        f"\r\n{body}"
    ).encode("latin-1")
