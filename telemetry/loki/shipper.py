"""The one thread that takes lines from the queue to Loki."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable

from telemetry.context import muted
from telemetry.lines import Line
from telemetry.loki.post import LokiPost
from telemetry.loki.push import Pusher
from telemetry.loki.queue import LineQueue
from telemetry.peers import Peer

FLUSH_INTERVAL = 1.0
"""Seconds a line waits at most for others to share its push."""


class Shipper:
    """Ships lines while the process lives; alive after a fork; stops within its deadline."""

    def __init__(
        self, url: str, labels: dict[str, str], queue: LineQueue, probe: Callable[[], Line]
    ) -> None:
        self._post = LokiPost(url)
        self._probe_line = probe
        self.queue = queue
        self._stopping = threading.Event()
        self._labels = labels
        self.pusher = Pusher(self._post, labels, self._pause)
        self._taken = 0
        self._left = 0
        self._thread = self._start()
        os.register_at_fork(after_in_child=self._after_fork)

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="loki-shipper", daemon=True)
        thread.start()
        return thread

    def _after_fork(self) -> None:
        if self._stopping.is_set():
            return
        self._stopping = threading.Event()
        self.queue.reset()
        self._post.reset()
        self.pusher = Pusher(self._post, self._labels, self._pause)
        self._taken = 0
        self._left = 0
        self._thread = self._start()

    def _run(self) -> None:
        with muted():
            while not self._stopping.is_set():
                self.queue.wait(FLUSH_INTERVAL)
                self._ship()
            self._ship()

    def _ship(self) -> None:
        """Push until less than a batch is there, or until nothing is when stopping."""
        while batch := self.queue.take():
            self._taken += len(batch)
            self.pusher.push(batch)
            if time.monotonic() > self.pusher.deadline:
                break
            if not self._stopping.is_set() and not self.queue.full_batch:
                break

    def _pause(self, seconds: float) -> None:
        """Wait before another try; when stopping the pauses go on, the deadline bounds them."""
        time.sleep(min(seconds, max(self.pusher.deadline - time.monotonic(), 0)))

    @property
    def peer(self) -> Peer:
        """Who the lines are sent to."""
        return self._post.peer

    @property
    def works(self) -> bool:
        """Tell whether Loki took the last push, in time, and there is somebody to send the next."""
        return self.pusher.works and self._thread.is_alive()

    def lost(self) -> Counter[str]:
        """Count the lines given up, by reason."""
        lost = Counter(self.pusher.lost)
        lost["queue_full"] += self.queue.dropped
        lost["left_at_exit"] += self._left
        return lost

    def probe(self) -> None:
        """Find out whether Loki takes lines, when there is none to send."""
        with muted():
            self.pusher.probe(self._probe_line())

    def stop(self, seconds: float) -> int:
        """Send what is queued for at most so many seconds; return how many lines are left."""
        self.pusher.deadline = time.monotonic() + seconds
        self._stopping.set()
        self.queue.wake()
        self._thread.join(seconds)
        pushed = self.pusher.sent + self.pusher.lost.total()
        self._left = len(self.queue) + self._taken - pushed
        return self._left
