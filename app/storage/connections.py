"""Connections to PostgreSQL that wait for the server only so long."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from app.config import PostgresSettings
from app.storage.loaders import adapters
from app.storage.session import ENCODING, STATEMENT_LIMIT, Session

CONNECTION_WAIT = 2.0
REPLY_WAIT = STATEMENT_LIMIT + 0.5
"""Seconds."""

_FEW_ROWS = 10
_ADAPTERS = adapters()

RV = TypeVar("RV")
Row = tuple[Any, ...]


class BoundedConnection(psycopg.Connection[TupleRow]):
    """A connection that waits for the server only so long.

    `statement_timeout` is the server's own limit and cannot help when the server itself hangs.
    """

    reply_wait = REPLY_WAIT
    _kept: psycopg.Cursor[TupleRow] | None = None

    @classmethod
    def connect(  # type: ignore[override]  # the pool passes psycopg's own arguments through
        cls,
        conninfo: str = "",
        *,
        session: Session,
        on_failure: Callable[[psycopg.Error], None] | None = None,
        on_success: Callable[[str | None], None] | None = None,
        **arguments: Any,
    ) -> Self:
        """Connect; an attempt that failed is told to `on_failure` and leaves no socket behind.

        One that succeeded is told to `on_success` with the address that it was made from.
        """
        try:
            try:
                made = cls._made(conninfo, options=session.options, **arguments)
            except psycopg.Error as error:
                if not session.refuses_options(error):
                    raise
                made = cls._made(conninfo, options="", **arguments)
            made.settle(session)
        except psycopg.Error as error:
            if on_failure is not None:
                on_failure(error)
            raise
        if on_success is not None:
            on_success(_own_address(made.fileno()))
        return made

    @classmethod
    def _made(cls, conninfo: str, **arguments: Any) -> Self:
        """Connect as psycopg does.

        The error and its frames hold each other, and with them the half-open connection, which
        would keep a place of the server's taken until some garbage collection.
        """
        try:
            return super().connect(conninfo, **arguments)
        except psycopg.Error as error:
            traceback.clear_frames(error.__traceback__)
            raise

    def settle(self, session: Session) -> None:
        """Make the session what the service needs, or close it."""
        try:
            session.settle(self)
        except BaseException:
            self.close()
            raise

    def rows(
        self, text: str, values: Sequence[object], *, prepare: bool | None = None
    ) -> list[Row]:
        """Return the rows of a statement whose places are `$1` and so on.

        `prepare`: as psycopg's, None for what is used often, False for never.

        One cursor serves all statements: making one takes as long as reading a row.
        """
        # Binary: what comes back does not depend on settings such as DateStyle or bytea_output.
        cursor = self._kept or self.cursor(binary=True)
        self._kept = None
        rows = cursor.execute(text, values, prepare=prepare).fetchall()
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


def connect(
    settings: PostgresSettings, session: Session | None = None, **more: Any
) -> BoundedConnection:
    """Return a connection of its own, beside the pool's, as the service needs it.

    Who connects again and again gives the `session`, which remembers what a pooler refused.
    """
    arguments = {**connection_arguments(settings), **more}
    return BoundedConnection.connect(
        session=session or Session(settings.session_settings), **arguments
    )


def _own_address(descriptor: int) -> str | None:
    """Return our end of a TCP connection, None of a socket in a folder."""
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        return str(ours.getsockname()[0]) if ours.family != socket.AF_UNIX else None


def connection_arguments(settings: PostgresSettings) -> dict[str, Any]:
    """Return the arguments of `psycopg.connect` for one autocommit connection.

    `options` is not among them: Session knows them.
    """
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.database,
        "user": settings.user,
        "password": settings.password or None,
        "sslmode": settings.sslmode,
        "connect_timeout": int(CONNECTION_WAIT),
        "application_name": "shortener",
        "client_encoding": ENCODING,
        "autocommit": True,
        "cursor_factory": psycopg.RawCursor,
        "context": _ADAPTERS,
        "prepare_threshold": 5 if settings.prepared_statements else None,
        # A server that vanished without a word (failover, lost network) is noticed by the kernel.
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 5000,
    }
