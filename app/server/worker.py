"""The life of our gunicorn worker: how it begins, stops and ends.

* No request is answered once the drain is over, so that the telemetry of every answered request
  can be flushed.
* Told to stop, it goes on accepting for `shutdown_delay` seconds: the balancer may not know yet.
* SIGINT and SIGQUIT drain too, only shorter; a stop signal that came while forking is not lost.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from typing import Any

from app.server.limits import Limits

QUICK_DRAIN = 3
"""Seconds for requests in flight at SIGINT or SIGQUIT."""
HURRIED_FLUSH = 1.2
"""Seconds: the master kills 2 s after a SIGINT that follows a SIGTERM."""
SETTLE = 0.2
"""Seconds for threads that have answered to write their log line."""
_TURN = 1.0
"""Seconds to wait for something to do before clocks are looked at."""
_DRAIN_TURN = 0.1
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


def keep_signals_over_forks() -> None:
    """Let no stop signal be lost that comes while the master forks; call it in the master once.

    Python forgets in the child what came before it was set up (`_PySignal_AfterFork`); what is
    blocked waits in the kernel.
    """

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=unblock)


class Worker(Limits):
    """A worker with threads that loses no telemetry when it stops."""

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
        # Until its first word the master takes a worker's clock for one of the far future: one
        # that hangs before it serves would never be given up.
        self.notify()

    def init_signals(self) -> None:
        """Take over from the master's handlers, which swallowed what came since the fork."""
        super().init_signals()
        self.notify()  # what comes next, the application, has all of the master's patience
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
        self.start_loop()
        try:
            while self.alive:
                self.serve_a_turn(_TURN)
                if not self.is_parent_alive():
                    break
            self._stop_accepting()
            self._drain_connections()
        finally:
            self._cut_off()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop; on SIGTERM only after `shutdown_delay`, though answers say close from now on."""
        if self.alive and sig == signal.SIGTERM:
            self._accept_until = time.monotonic() + self.shutdown_delay
        super().handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Tell; an orphan stops at once and says close, or busy clients would hold its drain."""
        if self.ppid == os.getppid():
            return True
        self.log.info("Parent changed, shutting down: %s", self)
        self._accept_until = time.monotonic()
        self.alive = False
        return False

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

    def _stop_accepting(self) -> None:
        """Told by SIGTERM: when the delay is over, and leave nobody waiting in the queue."""
        told_to_stop = self._accept_until > float("-inf")
        begun = time.monotonic()
        while (left := self._accept_until - time.monotonic()) > 0:
            self.serve_a_turn(min(_TURN, left))
        if told_to_stop:
            self._accept_queued()
        self.listen(accepting=False)
        if told_to_stop:
            # Refused at once, a balancer can turn to another target; in a queue that nobody
            # serves it would wait for the end of the drain.
            for listener in self.listeners:
                listener.sock.close()
        left_to_drain = self.cfg.graceful_timeout - (time.monotonic() - begun)
        self.cfg.set("graceful_timeout", max(1, round(left_to_drain)))

    def _accept_queued(self) -> None:
        """Take what the kernel has accepted for us: closing the last listener would reset it."""
        for listener in self.listeners:
            before = -1
            while before != self.accepted_so_far:
                before = self.accepted_so_far
                listener.ready(listener)

    def _drain_connections(self) -> None:
        self.cap_idle()
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while self.count > 0 and time.monotonic() < deadline:
            self.turn(_DRAIN_TURN)
            self.look()

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
