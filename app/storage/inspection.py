"""Questions to a PostgreSQL server about itself, for the command `doctor`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from app.config import PostgresSettings
from app.storage.connections import connection_arguments

_STATEMENT_LIMIT = 1500
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Who may connect how often; a limit of -1 is none."""

    max_connections: int
    reserved: int
    """Kept for superusers and the like."""
    role_limit: int
    database_limit: int
    used: int
    ours: int
    """Of those in use, the service's."""

    @property
    def available(self) -> int:
        """How many the service's role could hold if nobody else connected."""
        limits = [self.role_limit, self.database_limit, self.max_connections - self.reserved]
        return min(limit for limit in limits if limit >= 0)


class Inspection:
    """One connection on which to ask; every method raises psycopg.Error."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    @property
    def version(self) -> tuple[int, int]:
        """The server's major and minor version."""
        return divmod(self._connection.info.server_version, 10_000)

    @property
    def closed(self) -> bool:
        """Tell whether the connection is lost, so that nothing more can be asked."""
        return self._connection.closed

    @property
    def uses_tls(self) -> bool:
        """Tell whether the connection is encrypted."""
        return bool(self._connection.pgconn.ssl_in_use)

    def applied_migrations(self) -> list[str]:
        """Return the ids of the migrations that were applied, none without yoyo's table."""
        if self._row("SELECT to_regclass('_yoyo_migration') IS NOT NULL") == (False,):
            return []
        rows = self._connection.execute("SELECT migration_id FROM _yoyo_migration ORDER BY 1")
        return [str(row[0]) for row in rows]

    def connections(self) -> Connections:
        """Count connections; pg_stat_database shows those of other users to everybody."""
        row = self._row(
            "SELECT current_setting('max_connections')::int,"
            " current_setting('superuser_reserved_connections')::int"
            " + coalesce(current_setting('reserved_connections', true)::int, 0),"
            " (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),"
            " (SELECT datconnlimit FROM pg_database WHERE datname = current_database()),"
            " (SELECT sum(numbackends)::int FROM pg_stat_database),"
            " (SELECT count(*)::int FROM pg_stat_activity"
            "  WHERE usename = current_user AND application_name = 'shortener')"
        )
        return Connections(*row)  # type: ignore[arg-type]

    def refuses_writes(self) -> tuple[bool, bool]:
        """Tell whether the server is a standby, and whether transactions are read-only."""
        standby, read_only = self._row(
            "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool"
        )
        return bool(standby), bool(read_only)

    def clock_offset(self) -> float:
        """Return by how many seconds the server's clock is ahead of this machine's."""
        before = time.time()
        (theirs,) = self._row("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(str(theirs)) - (before + time.time()) / 2

    def _row(self, statement: str) -> tuple[object, ...]:
        row = self._connection.execute(statement.encode()).fetchone()
        return row or ()


@contextlib.contextmanager
def inspect(settings: PostgresSettings, address: str | None) -> Iterator[Inspection]:
    """Connect as the service does, to an address already known; raise psycopg.Error."""
    arguments = {
        **connection_arguments(settings),
        "application_name": "shortener-doctor",
        "options": f"-c statement_timeout={_STATEMENT_LIMIT}",
    }
    if address is not None:
        arguments["hostaddr"] = address
    with psycopg.connect(**arguments) as connection:
        yield Inspection(connection)
