"""PostgreSQL behind a pool in which every wait is bounded."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from app.config import PostgresSettings
from app.model.errors import DatabaseUnavailable
from app.storage.breaker import CircuitBreaker
from app.storage.causes import database_cause
from app.storage.statements import Statement

log = logging.getLogger(__name__)
# The pool's own log repeats the driver's messages; what they mean is logged here.
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
logging.getLogger("psycopg").setLevel(logging.CRITICAL)

CONNECTION_WAIT = 2.0
STATEMENT_LIMIT = 5.0
"""Seconds."""

_REPLY_WAIT = STATEMENT_LIMIT + 0.5
_HEALTH_WAIT = 1.5
_TURN_WAIT = 0.25
_SLICE = 0.1
_FEW_ROWS = 10
_PROBE_INTERVAL = 0.5

RV = TypeVar("RV")
Row = tuple[Any, ...]


class BoundedConnection(psycopg.Connection[TupleRow]):
    """A connection that waits for the server only so long.

    `statement_timeout` is the server's own limit and cannot help when the server itself hangs.
    """

    reply_wait = _REPLY_WAIT
    _kept: psycopg.Cursor[TupleRow] | None = None

    @classmethod
    def connect(  # type: ignore[override]  # the pool passes psycopg's own arguments through
        cls,
        conninfo: str = "",
        *,
        on_failure: Callable[[psycopg.Error], None] | None = None,
        **arguments: Any,
    ) -> Self:
        """Connect; an attempt that failed is told to `on_failure` and leaves no socket behind.

        The error and its frames hold each other, and with them the half-open connection, which
        would keep a place of the server's taken until some garbage collection.
        """
        try:
            return super().connect(conninfo, **arguments)
        except psycopg.Error as error:
            traceback.clear_frames(error.__traceback__)
            if on_failure is not None:
                on_failure(error)
            raise

    def rows(self, text: str, values: Sequence[object]) -> list[Row]:
        """Return the rows of a statement whose places are `$1` and so on.

        One cursor serves all statements: making one takes as long as reading a row.
        """
        cursor = self._kept or self.cursor()
        self._kept = None
        rows = cursor.execute(text, values).fetchall()
        if len(rows) <= _FEW_ROWS:
            self._kept = cursor  # it holds on to what it has read
        return rows

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Run `gen` within `reply_wait` seconds; a connection that took longer is closed."""
        try:
            return super().wait(gen, interval, timeout or self.reply_wait)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


class Database:
    """Run single statements, each in its own transaction, on pooled connections.

    `concurrent` bounds the threads inside; one more waits a quarter of a second and is then
    refused, so that a slow database never takes every thread away from cached redirects.
    Errors are DatabaseUnavailable, or psycopg.IntegrityError for a violated constraint.
    """

    def __init__(self, settings: PostgresSettings, *, concurrent: int) -> None:
        self._pool: ConnectionPool[BoundedConnection] = ConnectionPool(
            connection_class=BoundedConnection,
            kwargs={**connection_arguments(settings), "on_failure": self._connect_failed},
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
        self._turns = threading.BoundedSemaphore(concurrent)
        self._congested = False
        self._used = 0
        self._timeouts = 0
        self._connect_failures = 0
        self._connect_cause = ""
        self._lock = threading.Lock()
        self.breaker = CircuitBreaker("PostgreSQL", self._probe, _PROBE_INTERVAL)

    def open(self) -> None:
        """Start the pool's threads, which connect in the background; call it after the fork."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close the pool."""
        self.breaker.stop()
        self._pool.close(timeout=1.0)

    def rows(
        self, statement: Statement, parameters: Mapping[str, object], *, repeatable: bool
    ) -> list[Row]:
        """Return the rows of one statement.

        A `repeatable` statement is run again when its connection turns out to be broken: after
        a restart of the server every pooled connection is.
        """
        if self.breaker.is_open or not self._take_turn():
            raise DatabaseUnavailable
        try:
            return self._rows(statement.text, statement.values(parameters), repeatable=repeatable)
        finally:
            self._congested = False
            self._turns.release()

    def is_healthy(self) -> bool:
        """Tell within a second and a half whether PostgreSQL answers."""
        if self.breaker.is_open:
            return False
        try:
            self._probe()
        except psycopg.Error:
            return False
        return True

    def statistics(self) -> Mapping[str, int]:
        """Return the pool's numbers, as `metrics.observe_pool` wants them."""
        now = self._pool.get_stats()
        return {
            "idle": now.get("pool_available", 0),
            "used": self._used,
            "max": now.get("pool_max", 0),
            "pending": now.get("requests_waiting", 0),
            "timeouts": self._timeouts,
        }

    def _take_turn(self) -> bool:
        # Who waited in vain spares the next ones the wait, until a turn comes back.
        taken = self._turns.acquire(timeout=0.0 if self._congested else _TURN_WAIT)
        self._congested = not taken
        return taken

    def _rows(self, text: str, values: Sequence[object], *, repeatable: bool) -> list[Row]:
        deadline = time.monotonic() + CONNECTION_WAIT
        while True:
            connection = self._connection(deadline)
            try:
                return connection.rows(text, values)
            except psycopg.IntegrityError:
                raise
            except psycopg.errors.ReadOnlySqlTransaction as error:
                connection.close()
                self._pool.drain()
                self._unavailable(database_cause(error), away=False)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                broken = _is_broken(connection, error)
                late = time.monotonic() > deadline
                if late or not (broken and repeatable):
                    self._unavailable(database_cause(error), away=broken and late)
            except psycopg.Error as error:
                self._unavailable(database_cause(error), away=False)
            finally:
                self._give_back(connection)

    def _connection(self, deadline: float) -> BoundedConnection:
        failures = self._connect_failures
        while True:
            left = deadline - time.monotonic()
            try:
                connection = self._pool.getconn(timeout=max(0.001, min(_SLICE, left)))
            except PoolTimeout as error:
                refused = self._connect_failures != failures
                # With no connection in use, none will be given back: only a new one can help.
                hopeless = refused and self._used == 0
                if left <= _SLICE or hopeless or self.breaker.is_open:
                    self._timeouts += 1
                    cause = self._connect_cause if refused else database_cause(error)
                    self._unavailable(cause, away=self._used == 0)
                continue
            except psycopg.Error as error:
                self._unavailable(database_cause(error), away=True)
            with self._lock:
                self._used += 1
            return connection

    def _give_back(self, connection: BoundedConnection) -> None:
        with self._lock:
            self._used -= 1
        self._pool.putconn(connection)

    def _unavailable(self, cause: str, *, away: bool) -> NoReturn:
        if away:
            self.breaker.failed(cause)
        else:
            log.warning("PostgreSQL refused a statement: %s", cause)
        raise DatabaseUnavailable from None

    def _connect_failed(self, error: psycopg.Error) -> None:
        self._connect_cause = database_cause(error)
        self._connect_failures += 1

    def _probe(self) -> None:
        deadline = time.monotonic() + _HEALTH_WAIT
        while not self._answers(deadline):
            pass

    def _answers(self, deadline: float) -> bool:
        """Ask on one connection; False means that it was stale and another may answer."""
        connection = self._pool.getconn(timeout=max(0.001, deadline - time.monotonic()))
        connection.reply_wait = max(0.001, deadline - time.monotonic())
        try:
            connection.execute("SELECT 1")
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if time.monotonic() < deadline and _is_broken(connection, error):
                return False
            raise
        finally:
            connection.reply_wait = _REPLY_WAIT
            self._pool.putconn(connection)
        return True


def _is_broken(connection: BoundedConnection, error: psycopg.Error) -> bool:
    """Tell whether the connection, rather than the statement, is at fault; if so, close it."""
    if (error.sqlstate or "")[:3] in {"57P", "080"}:
        connection.close()
    return connection.closed


def connection_arguments(settings: PostgresSettings) -> dict[str, Any]:
    """Return the arguments of `psycopg.connect` for one autocommit connection."""
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.database,
        "user": settings.user,
        "password": settings.password or None,
        "sslmode": settings.sslmode,
        "connect_timeout": int(CONNECTION_WAIT),
        "application_name": "shortener",
        # Every statement follows an index in its order. A bitmap, which the planner may take for an
        # owner of average size, would read and sort all links of one who has a million.
        "options": f"-c statement_timeout={int(STATEMENT_LIMIT * 1000)} -c enable_bitmapscan=off",
        "autocommit": True,
        "cursor_factory": psycopg.RawCursor,
        "prepare_threshold": 5 if settings.prepared_statements else None,
        # A server that vanished without a word (failover, lost network) is noticed by the kernel.
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 5000,
    }
