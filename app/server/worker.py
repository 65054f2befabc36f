"""What our gunicorn worker does otherwise than gunicorn's own gthread worker.

* Errors of the HTTP parser are answered in the service's JSON shape.
* No request is answered once the drain is over, so that the telemetry of every answered request
  can be flushed.
* Told to stop, it goes on accepting for `shutdown_delay` seconds: the balancer may not know yet.
* SIGINT and SIGQUIT drain too, only shorter; a stop signal that came while forking is not lost.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from typing import Any

from gunicorn import util
from gunicorn.http import errors

from app.server.raw_answers import INTERNAL_ERROR, answer_to, new_request_id
from app.server.sender import Sender

QUICK_DRAIN = 3
"""Seconds for requests in flight at SIGINT or SIGQUIT."""
HURRIED_FLUSH = 1.2
"""Seconds: the master kills 2 s after a SIGINT that follows a SIGTERM."""
SETTLE = 0.2
"""Seconds for threads that have answered to write their log line."""
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


class Worker(Sender):
    """A gthread worker that loses no telemetry when it stops and speaks JSON."""

    slot = 0
    """Lowest number no other living worker holds; set in pre_fork."""
    flush_budget: float = 0
    shutdown_delay: float = 0
    """Seconds of accepting after SIGTERM; part of `graceful_timeout`."""
    inherited_signals: Any = None
    """The master's queue of signals as it was at the fork; later ones of ours end up in it too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._quitting = False
        self._accept_until = float("-inf")

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

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop; on SIGTERM only after `shutdown_delay`, though answers say close from now on."""
        if self.alive and sig == signal.SIGTERM:
            self._accept_until = time.monotonic() + self.shutdown_delay
        super().handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Tell; an orphan stops at once and says close, or busy clients would hold its drain."""
        alive = bool(super().is_parent_alive())
        if not alive:
            self._accept_until = time.monotonic()
            self.alive = False
        return alive

    def set_accept_enabled(self, enabled: bool) -> None:
        """Stop accepting when that time is over, and leave nobody waiting in the queue."""
        told_to_stop = not self.alive and self._accept_until > float("-inf")
        if enabled or not told_to_stop:
            super().set_accept_enabled(enabled)
            return
        begun = time.monotonic()
        while (left := self._accept_until - time.monotonic()) > 0:
            self.notify()
            super().set_accept_enabled(self.nr_conns < self.worker_connections)
            self.wait_for_and_dispatch_events(timeout=min(1.0, left))
            self.murder_keepalived()
            self.murder_pending()
        self._accept_queued()
        super().set_accept_enabled(False)
        self._close_listeners()
        left_to_drain = self.cfg.graceful_timeout - (time.monotonic() - begun)
        self.cfg.set("graceful_timeout", max(1, round(left_to_drain)))

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
        answer = answer_to(exc)
        request_id = new_request_id()
        extra = {"request_id": request_id, "status": answer.status}
        if answer is INTERNAL_ERROR:
            self.log.error("Error handling request", exc_info=exc, extra=extra)
        else:
            # The exception's text holds what the client sent: its kind says enough.
            self.log.warning("Invalid request: %s", type(exc).__name__, extra=extra)
        with contextlib.suppress(Exception):
            util.write_nonblock(client, answer.encode(request_id))

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:  # gunicorn's
        """Tell whether the connection can serve on; one request never gets a second answer.

        A proxy would take an answer about the unread body for that of its next request.
        """
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except errors.ParseException:
            return False

    def _accept_queued(self) -> None:
        """Take what the kernel has accepted for us: closing the last listener would reset it."""
        for listener in self.sockets:
            listener.setblocking(False)
            before = -1
            while before != self.nr_conns:
                before = self.nr_conns
                self.accept(listener)

    def _close_listeners(self) -> None:
        # Refused at once, a balancer can turn to another target; in a queue that nobody serves
        # it would wait for the end of the drain.
        for listener in self.sockets:
            listener.close()

    def _cut_off(self) -> None:
        with self.serving_lock:
            self.over = True
            stuck = list(self.serving)
        for conn in stuck:
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)
        self.cut_all()
        deadline = time.monotonic() + SETTLE
        while self.serving and time.monotonic() < deadline:
            time.sleep(0.005)
