"""A connection's socket that makes no thread wait for a client that does not read its answer.

A blocking `sendall` waits for as long as the client likes: six clients that ask again and again and
read nothing would take every thread. Here what the kernel does not take at once is held in the
process, and the main loop (`app/server/sending.py`) sends it when there is room. Only an answer
that is longer than may be held waits in its thread, and that wait has an end.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

WRITE_WAIT = 10.0
"""Seconds of waiting for a client to take one answer, all its pauses together."""
CONTENDED_WRITE_WAIT = 1.0
"""The same while others wait for what the answer holds: a thread, room, a connection, the end."""
WRITE_RATE = 64 * 1024
"""Bytes that a client takes to get one second more: a long answer may take long."""
HELD_OF_ONE = 2 << 20
"""Bytes of one answer that the process holds for its client: as many as the longest may have."""
HELD_OF_ALL = 16 << 20
"""Bytes that one worker holds for all clients."""
SEND_BUFFER = 64 * 1024
"""Bytes that the kernel holds for one client; by itself it would take 4 MiB of ours for each."""
_LOOK = 0.1
_RESET = struct.pack("ii", 1, 0)


class ClientGone(ConnectionError):
    """The client has closed the connection, or did not take its answer in time."""


class Unsent:
    """What one worker holds of its answers, and who is to know about it."""

    def __init__(self, contended: Callable[[], bool], cut: Callable[[], None]) -> None:
        self.contended = contended
        """Tells whether requests wait for a thread, or the master for this worker."""
        self.cut = cut
        """Counts an answer that its client did not get whole."""
        self.bytes = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Count bytes that are held from now on, or with a minus no longer."""
        with self._lock:
            self.bytes += count


class ClientSocket(socket.socket):
    """The socket of an accepted connection."""

    def __init__(self, accepted: socket.socket, unsent: Unsent) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self._unsent = unsent
        self._parts: deque[memoryview] = deque()
        self.held = 0
        """Bytes of the answer that wait for the client."""
        self._waited = 0.0
        self._waiting_since: float | None = None
        self._taken = 0

    def begin(self) -> None:
        """Begin another answer."""
        self._waited, self._waiting_since, self._taken = 0.0, None, 0

    def sendall(self, data: Any, flags: int = 0) -> None:  # noqa: ARG002  # none is ever given
        """Send, or hold what the client does not take now; wait for it only if that is too much.

        ClientGone also when the client has not taken the answer in time.
        """
        self.offer(data)
        while self.held > HELD_OF_ONE or (self.held and self._unsent.bytes > HELD_OF_ALL):
            self._wait()

    def offer(self, data: Any) -> None:
        """Send what the client takes at once, and hold the rest however long it is."""
        if self.held and not self.flush():
            self._hold(memoryview(data))
            return
        sent = self._try(data)
        if sent < len(data):
            self._hold(_alone(memoryview(data)[sent:]))

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of it: "100 Continue" takes its turn behind what is held."""
        self.sendall(data, flags)
        return len(data)

    def flush(self) -> bool:
        """Send what the client takes now of what is held; tell whether that was all."""
        while self._parts:
            part = self._parts[0]
            sent = self._try(part)
            self._taken += sent
            self._let_go(sent)
            if sent < len(part):
                self._parts[0] = _alone(part[sent:])
                return False
            self._parts.popleft()
        return True

    def is_overdue(self, now: float, *, contended: bool) -> bool:
        """Tell whether the client has had its time for this answer."""
        waited = self._waited
        if self._waiting_since is not None:
            waited += now - self._waiting_since
        limit = CONTENDED_WRITE_WAIT if contended else WRITE_WAIT
        return waited > limit + self._taken / WRITE_RATE

    def start_waiting(self, now: float) -> None:
        """The main loop waits for the client from now on."""
        self._waiting_since = now

    def cut(self) -> None:
        """Give the answer up; closing then resets the connection, so the client sees it is torn."""
        self._unsent.cut()
        self._drop()
        with contextlib.suppress(OSError):
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close; what is still held is dropped."""
        self._drop()
        super().close()

    def _try(self, part: memoryview | bytes) -> int:
        try:
            return super().send(part, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ClientGone from error

    def _hold(self, part: memoryview) -> None:
        self._parts.append(part)
        self.held += len(part)
        self._unsent.add(len(part))

    def _let_go(self, count: int) -> None:
        self.held -= count
        self._unsent.add(-count)

    def _drop(self) -> None:
        self._parts.clear()
        if self.held:
            self._let_go(self.held)

    def _wait(self) -> None:
        begun = time.monotonic()
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        poll.poll(_LOOK * 1000)
        now = time.monotonic()
        self._waited += now - begun
        if self.flush():
            return
        if self.is_overdue(now, contended=self._unsent.contended()):
            self.cut()
            raise ClientGone


def _alone(rest: memoryview) -> memoryview:
    """Return what is left of an answer without the memory of what was sent, if that is most.

    A view holds all of what it looks at: a client that leaves the last bytes of each long answer
    unread would keep every one of them whole, while only those bytes are counted.
    """
    whole = memoryview(rest.obj).nbytes
    return memoryview(bytes(rest)) if 2 * len(rest) < whole else rest
