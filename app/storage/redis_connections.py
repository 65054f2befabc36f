"""Connections to Redis that stay with their threads."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import redis


class _Held:
    """The connection of one thread; gone with the thread."""

    __slots__ = ("__weakref__", "connection", "generation")

    def __init__(self, connection: Any, generation: int) -> None:
        self.connection = connection
        self.generation = generation


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

    Spans are made around `execute_command`, which stays as it is.
    """

    def _execute_command(self, *args: Any, **options: Any) -> Any:
        connection = self.connection_pool.get_connection()
        return connection.retry.call_with_retry(
            lambda: self._send_command_parse_response(  # type: ignore[no-untyped-call]
                connection, args[0], *args, **options
            ),
            lambda _error: connection.disconnect(),  # type: ignore[no-untyped-call]
        )
