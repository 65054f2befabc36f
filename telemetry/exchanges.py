"""HTTP exchanges that end at their deadline, whatever their peer does.

The timeouts of requests and urllib3 are between two bytes: a peer that sends one a second holds an
exchange for as long as it likes. Here one deadline bounds all of it, from the look-up of the name
to the last byte of the answer. Each exchange runs in a thread of its own; at the deadline its
connection is cut under it. What cannot be cut, a resolver that hangs, is left to end by itself, and
only once: until it has, no other exchange of the session begins.
"""

from __future__ import annotations

import contextlib
import contextvars
import socket
import threading
import time
import weakref
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, Generic, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from telemetry.context import muted

T = TypeVar("T")
Opened = Callable[[HTTPConnection, socket.socket], None]

LONGEST_ANSWER = 1 << 20
"""Bytes; the answers that are read whole are short."""
_SETTLE = 0.2
"""Seconds for an exchange to notice that its connection was cut."""


class DeadlineOver(requests.Timeout):
    """An exchange had not ended at its deadline."""


class Exchanges(requests.Session):
    """A session for one peer; its exchanges follow each other."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = threading.Lock()
        self._closing = False
        self._settings: dict[str, Any] = {}
        self._left_behind: threading.Thread | None = None
        self._running: threading.Thread | None = None
        self._lifelines: list[tuple[weakref.ref[HTTPConnection], socket.socket]] = []
        self._lifelines_lock = threading.Lock()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(self._opened))

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Do as requests does, once for each address and what is given with it.

        The environment stays what it is, and walking through it takes a third of an exchange.
        """
        given = repr((url, proxies, stream, verify, cert))
        if given not in self._settings:
            self._settings[given] = super().merge_environment_settings(
                url, proxies, stream, verify, cert
            )
        return dict(self._settings[given])

    def close(self) -> None:
        """Close the connection, or let the exchange that is under way do it at its end."""
        super().close()
        self._closing = True
        if self._turn.acquire(blocking=False):
            try:
                self._drop_closed()
            finally:
                self._turn.release()

    def exchange(
        self,
        method: str,
        url: str,
        read: Callable[[requests.Response], T],
        *,
        seconds: float,
        **more: Any,
    ) -> T:
        """Return what `read` makes of the answer, all within so many seconds.

        `more` is as for `requests.Session.request`. Errors: DeadlineOver, those of requests and
        of `read`.
        """
        deadline = monotonic() + seconds

        def run() -> T:
            response = requests.Session.request(
                self, method, url, timeout=seconds, stream=True, **more
            )
            with contextlib.closing(response):
                return read(response)

        if not self._turn.acquire(timeout=max(seconds, 0)):
            raise DeadlineOver("another exchange takes too long")
        try:
            return self._within(deadline, _Step(run))
        finally:
            self._turn.release()

    def _within(self, deadline: float, step: _Step[T]) -> T:
        if self._left_behind is not None:
            self._left_behind.join(max(deadline - monotonic(), 0))
            if self._left_behind.is_alive():
                raise DeadlineOver("an earlier exchange has not ended")
            self._left_behind = None
        thread = threading.Thread(target=step, name="telemetry-exchange", daemon=True)
        self._running = thread
        thread.start()
        thread.join(max(deadline - monotonic(), 0))
        if not step.ended:
            self._cut()
            thread.join(_SETTLE)
            self._left_behind = thread if thread.is_alive() else None
            raise DeadlineOver("no whole answer in time")
        self._drop_closed()
        return step.result()

    def _opened(self, connection: HTTPConnection, sock: socket.socket) -> None:
        """Keep a second descriptor of a connection: TLS takes the first one for itself."""
        with self._lifelines_lock:
            if threading.current_thread() is not self._running:
                raise DeadlineOver("connected after the deadline")
            self._lifelines.append((weakref.ref(connection), sock.dup()))

    def _cut(self) -> None:
        with self._lifelines_lock:
            self._running = None
            for _, lifeline in self._lifelines:
                with contextlib.suppress(OSError):
                    lifeline.shutdown(socket.SHUT_RDWR)
                lifeline.close()
            self._lifelines.clear()

    def _drop_closed(self) -> None:
        # A second descriptor keeps a connection open that the first has closed.
        with self._lifelines_lock:
            kept = []
            for reference, lifeline in self._lifelines:
                connection = reference()
                if connection is not None and self._closing:
                    connection.close()  # urllib3 leaves that to the garbage collector
                if connection is None or connection.sock is None:
                    lifeline.close()
                else:
                    kept.append((reference, lifeline))
            self._lifelines = kept


def read_whole(response: requests.Response) -> requests.Response:
    """Read the body; raise for one that is longer than any answer of ours should be."""
    body = response.raw.read(LONGEST_ANSWER + 1, decode_content=True)
    if len(body) > LONGEST_ANSWER:
        raise requests.RequestException("the answer is too long")
    response._content = body  # noqa: SLF001  # what `content` would read, without a bound
    return response


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, section 10.2.3), or None."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


class _Step(Generic[T]):
    """Runs once, in a thread, and keeps what came of it; its log lines are not exported."""

    def __init__(self, run: Callable[[], T]) -> None:
        self._run = run
        self._context = contextvars.copy_context()
        self._result: T
        self._error: BaseException | None = None
        self.ended = False

    def __call__(self) -> None:
        try:
            with muted():
                self._result = self._context.run(self._run)
        except BaseException as error:  # noqa: BLE001  # it is the caller's
            self._error = error
        self.ended = True

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result


class _Adapter(HTTPAdapter):
    """Makes connections that tell when they are opened."""

    def __init__(self, opened: Opened) -> None:
        self._pool_classes = _pool_classes(opened)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = self._pool_classes
        return manager


def _pool_classes(opened: Opened) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _told(opened, self, super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _told(opened, self, super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _told(opened: Opened, connection: HTTPConnection, sock: socket.socket) -> socket.socket:
    try:
        opened(connection, sock)
    except BaseException:
        sock.close()
        raise
    return sock
