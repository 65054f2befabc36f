"""Clients that ask one after another, and know which of their requests were answered."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from typing import Self
from urllib.parse import urlsplit

_PAUSE = 0.005
"""Seconds between two requests of one client."""
UNTRACED = ("/healthz", "/metrics", "/api/metrics")


class Load:
    """Threads that send GET requests until stopped; only whole answers count."""

    def __init__(self, url: str, paths: list[str], clients: int = 8) -> None:
        self._host = urlsplit(url).netloc
        self._paths = itertools.cycle(paths)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.answered = 0
        self.seconds: list[float] = []
        """How long each answer took."""
        self.statuses: set[int] = set()
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let requests under way end, and return when they have."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(40)

    def await_answers(self, count: int, timeout: float = 30.0) -> None:
        """Return when so many requests were answered."""
        deadline = time.monotonic() + timeout
        while self.answered < count:
            if time.monotonic() > deadline:
                message = f"{self.answered} answers within {timeout} s, not {count}"
                raise AssertionError(message)
            time.sleep(0.01)

    def _client(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._stopping.wait(_PAUSE):
            connection = connection or http.client.HTTPConnection(self._host, timeout=30)
            with self._lock:
                path = next(self._paths)
            started = time.monotonic()
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None
                self._stopping.wait(0.01)
                continue
            with self._lock:
                self.answered += 1
                self.seconds.append(time.monotonic() - started)
                self.statuses.add(response.status)
        if connection is not None:
            connection.close()
