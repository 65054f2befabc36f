"""A pool of connections in which every wait is bounded, counted and explained."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from app import metrics
from app.config import PostgresSettings
from app.storage.causes import database_cause
from app.storage.complaints import Complaints
from app.storage.connections import CONNECTION_WAIT, BoundedConnection, connection_arguments
from app.storage.session import Session

# The pool's own log repeats the driver's messages; what they mean is logged here.
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
logging.getLogger("psycopg").setLevel(logging.CRITICAL)

_SLICE = 0.1


class NoConnection(Exception):
    """No connection in time; `away`: there is no server to be had, rather than none free."""

    def __init__(self, cause: str, *, away: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.away = away


class Pool:
    """Connections of one worker; `given_up` tells that waiting for one has become pointless."""

    def __init__(
        self, settings: PostgresSettings, complaints: Complaints, given_up: Callable[[], bool]
    ) -> None:
        self._pool: ConnectionPool[BoundedConnection] = ConnectionPool(
            connection_class=BoundedConnection,
            kwargs={
                **connection_arguments(settings),
                "session": Session(settings.session_settings, complaints=complaints),
                "on_failure": self._connect_failed,
                "on_success": self._connected,
            },
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            timeout=CONNECTION_WAIT,
            max_idle=300.0,
            max_lifetime=1800.0,
            # Give up at once and try anew with the next request: the pool's own back-off would
            # keep it away from a server that is back.
            reconnect_timeout=0.0,
            num_workers=2,
            name="postgresql",
            open=False,
        )
        self.size = settings.pool_max
        self._complaints = complaints
        self._given_up = given_up
        self._used = 0
        self._waiting = 0
        self._timeouts = 0
        self._connect_failures = 0
        self._connect_cause = ""
        self.address: str | None = None
        """From where the last connection was made."""
        self._lock = threading.Lock()

    def open(self) -> None:
        """Start the pool's threads, which connect in the background; call it after the fork."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close(timeout=1.0)

    def renew(self) -> None:
        """Let no connection of now be given out again."""
        self._pool.drain()

    def take(self, deadline: float) -> BoundedConnection:
        """Return a connection by `deadline` (monotonic), or raise NoConnection."""
        waits = not self._pool.get_stats()["pool_available"]
        if waits:
            metrics.record_database_wait("connection")
            self._complaints.say(
                "Requests wait for PostgreSQL", "no connection was free", logging.INFO
            )
        self._note(waiting=int(waits))
        try:
            connection = self._take(deadline)
        finally:
            self._note(waiting=-int(waits))
        self._note(used=1)
        return connection

    def take_unused(self, deadline: float) -> BoundedConnection:
        """Return a connection for a look at the server, which counts as no use of the pool's.

        Errors: NoConnection, with what new ones failed of if they did.
        """
        failures = self._connect_failures
        try:
            return self._pool.getconn(timeout=max(0.001, deadline - time.monotonic()))
        except psycopg.Error as error:
            refused = self._connect_failures != failures
            cause = self._connect_cause if refused else database_cause(error)
            raise NoConnection(cause, away=refused) from None

    def give_back(self, connection: BoundedConnection, *, used: bool = True) -> None:
        """Let others have the connection; a closed one is replaced."""
        self._note(used=-int(used))
        self._pool.putconn(connection)

    def waiting(self) -> int:
        """Return how many requests wait for a connection now."""
        return self._waiting

    def statistics(self) -> Mapping[str, int]:
        """Return the pool's numbers, as `metrics.observe_pool` wants them."""
        now = self._pool.get_stats()
        return {
            "idle": now.get("pool_available", 0),
            "used": self._used,
            "max": now.get("pool_max", 0),
            "pending": self._waiting,
            "timeouts": self._timeouts,
        }

    def _take(self, deadline: float) -> BoundedConnection:
        failures = self._connect_failures
        while True:
            left = deadline - time.monotonic()
            try:
                return self._pool.getconn(timeout=max(0.001, min(_SLICE, left)))
            except PoolTimeout as error:
                refused = self._connect_failures != failures
                # With no connection in use, none will be given back: only a new one can help.
                hopeless = refused and self._used == 0
                if left <= _SLICE or hopeless or self._given_up():
                    self._timeouts += 1
                    cause = self._connect_cause if refused else database_cause(error)
                    raise NoConnection(cause, away=self._used == 0) from None
            except psycopg.Error as error:
                raise NoConnection(database_cause(error), away=True) from None

    def _note(self, *, used: int = 0, waiting: int = 0) -> None:
        with self._lock:
            self._used += used
            self._waiting += waiting

    def _connect_failed(self, error: psycopg.Error) -> None:
        self._connect_cause = database_cause(error)
        self._connect_failures += 1
        # Requests may still be served on older connections: this is how it begins.
        self._complaints.note("PostgreSQL refused a connection", self._connect_cause)

    def _connected(self, address: str | None) -> None:
        self.address = address
