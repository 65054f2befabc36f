"""What the main loop waits for: readiness of sockets, and threads that have finished."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sys
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any, Protocol

READ, WRITE = EVENT_READ, EVENT_WRITE
NOTHING = 0


class Watched(Protocol):
    """Something with a descriptor, and what to do when it is ready."""

    fd: int
    interest: int
    """READ, WRITE, or NOTHING while it is not waited for."""
    ready: Callable[[Any], None]


class Alarm:
    """Wakes the loop: from a thread, or by a signal's handler."""

    def __init__(self, descriptors: tuple[int, int] | None = None) -> None:
        self.fd, self._write_end = descriptors or os.pipe()
        self.interest = NOTHING
        self.ready: Callable[[Any], None] = Alarm._drain
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write_end, False)

    def ring(self) -> None:
        """Wake; a full pipe wakes as well."""
        with contextlib.suppress(OSError):
            os.write(self._write_end, b"\0")

    def _drain(self) -> None:
        with contextlib.suppress(OSError):
            os.read(self.fd, 4096)


class Listener:
    """A listening socket."""

    def __init__(self, sock: socket.socket, ready: Callable[[Any], None]) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.name = sock.getsockname()
        self.interest = NOTHING
        self.ready = ready


class Poller:
    """Says what is ready, so many at a time; the next time it begins with the others."""

    def __init__(self, *, epoll: bool = sys.platform == "linux") -> None:
        self._watched: dict[int, Watched] = {}
        self._wait = _Epoll() if epoll else _Selector()

    def watch(self, one: Watched, interest: int) -> None:
        """Wait for this of it from now on, and for nothing else."""
        if interest == one.interest:
            return
        if not one.interest:
            self._watched[one.fd] = one
            self._wait.add(one.fd, interest)
        elif interest:
            self._wait.change(one.fd, interest)
        else:
            del self._watched[one.fd]
            self._wait.remove(one.fd)
        one.interest = interest

    def poll(self, timeout: float, most: int) -> list[Watched]:
        """Wait up to `timeout` seconds, and return at most `most` that are ready."""
        watched = self._watched
        return [watched[fd] for fd in self._wait.poll(timeout, most)]

    def close(self) -> None:
        """Wait for nothing more."""
        self._wait.close()


class _Epoll:
    def __init__(self) -> None:
        import select  # noqa: PLC0415  # epoll is Linux's alone

        self._epoll: Any = select.epoll()
        self._events = {READ: select.EPOLLIN, WRITE: select.EPOLLOUT}
        self.close = self._epoll.close
        self.remove = self._epoll.unregister

    def add(self, fd: int, interest: int) -> None:
        self._epoll.register(fd, self._events[interest])

    def change(self, fd: int, interest: int) -> None:
        self._epoll.modify(fd, self._events[interest])

    def poll(self, timeout: float, most: int) -> list[int]:
        return [fd for fd, _ in self._epoll.poll(timeout, most)]


class _Selector:
    """Elsewhere: everything that is ready in each turn."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.close = self._selector.close
        self.add = self._selector.register
        self.change = self._selector.modify
        self.remove = self._selector.unregister

    def poll(self, timeout: float, _most: int) -> list[int]:
        return [key.fd for key, _ in self._selector.select(timeout)]
