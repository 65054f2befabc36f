"""Connections to Redis that stay with their threads."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

import redis


class _Held:
    """The connection of one thread; gone with the thread."""

    __slots__ = ("__weakref__", "connection", "generation")

    def __init__(self, connection: Any, generation: int) -> None:
        self.connection = connection
        self.generation = generation


class _Owing:
    """Part of a connection: answers that nobody has waited for yet."""

    owed = 0

    def disconnect(self, *args: Any, **named: Any) -> None:
        """Close; what was owed will not come."""
        self.owed = 0
        super().disconnect(*args, **named)  # type: ignore[misc]

    def settle(self, refused: Callable[[redis.ResponseError], None]) -> None:
        """Read the answers that are owed and tell of those that are refusals."""
        while self.owed:
            self.owed -= 1
            try:
                self.read_response()  # type: ignore[attr-defined]
            except redis.ResponseError as error:
                refused(error)


class Connection(_Owing, redis.Connection):
    """A connection that may be owed answers."""


class TlsConnection(_Owing, redis.SSLConnection):
    """The same over TLS."""


class ThreadConnections(redis.ConnectionPool):
    """A pool whose connections are handed to a thread once and go back when the thread ends.

    Redis-py takes a connection out and puts it back around each command, and asks the kernel each
    time whether it is still open: a quarter of what a command costs (docs/performance.md). Here a
    connection that the server has closed is noticed by the command itself, which redis-py then
    sends again on a new one (`retry`).
    """

    def __init__(self, **connection: Any) -> None:
        super().__init__(**connection)
        self._mine = threading.local()
        self._generation = 0

    def get_connection(self, *_command: Any, **_options: Any) -> Any:
        """Return this thread's connection."""
        held: _Held | None = getattr(self._mine, "held", None)
        if held is None:
            held = _Held(super().get_connection(), self._generation)
            weakref.finalize(held, super().release, held.connection).atexit = False
            self._mine.held = held
        elif held.generation != self._generation:
            held.generation = self._generation
            held.connection.disconnect()  # the next command connects it
        return held.connection

    def release(self, connection: Any) -> None:
        """Leave the connection with its thread."""

    def renew(self) -> None:
        """Let each thread connect anew before its next command."""
        self._generation += 1


class Client(redis.Redis):
    """Redis-py's client without its own metrics, which cost more than the answer's way home.

    A command with `later=True` is sent and not waited for: its answer is read with that of the
    thread's next command. Spans are made around `execute_command`, which stays as it is.
    """

    refused: Callable[[redis.ResponseError], None] = staticmethod(lambda _error: None)
    """Called with the error of a command that was not waited for."""

    def _execute_command(self, *args: Any, later: bool = False, **options: Any) -> Any:
        connection: Any = self.connection_pool.get_connection()

        def ask() -> Any:
            if later:
                connection.settle(self.refused)  # at most one answer is owed
            connection.send_command(*args)
            if later:
                connection.owed += 1
                return None
            connection.settle(self.refused)
            return self.parse_response(connection, args[0], **options)  # type: ignore[no-untyped-call]

        return connection.retry.call_with_retry(ask, lambda _error: connection.disconnect())
