"""Questions to a PostgreSQL server about itself, for the command `doctor`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from app.config import SESSION_ROLE, PostgresSettings
from app.storage.blockers import Blocker, read_blockers, read_holders
from app.storage.connections import connect
from app.storage.phase import GO_SERVICE_CAN_WRITE
from app.storage.request_probe import probe_requests
from app.storage.schema_facts import Missing, missing_from, read_schema
from app.storage.session import NEEDED, Session

STATEMENT_LIMIT = 1.5
LOCK_LIMIT = 0.8
"""Seconds; less than a check has, so that what was waited for can still be asked."""
_NEEDED = {
    **NEEDED,
    "statement_timeout": f"{STATEMENT_LIMIT * 1000:.0f}",
    "lock_timeout": f"{LOCK_LIMIT * 1000:.0f}",
}

_RESET = """
    SELECT concat_ws(' ', 'ALTER',
        CASE WHEN rolname IS NULL THEN format('DATABASE %I', datname)
            ELSE format('ROLE %I', rolname) END,
        CASE WHEN rolname IS NOT NULL AND datname IS NOT NULL
            THEN format('IN DATABASE %I', datname) END,
        'RESET', $1::text)
    FROM pg_db_role_setting
    LEFT JOIN pg_roles ON pg_roles.oid = setrole
    LEFT JOIN pg_database ON pg_database.oid = setdatabase
    WHERE EXISTS (SELECT FROM unnest(setconfig) AS config WHERE config LIKE $1 || '=%')
        AND (datname = current_database() OR setdatabase = 0)
        AND (rolname = session_user OR setrole = 0)
    LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Connections:
    """Who may connect how often; a limit of -1 is none."""

    max_connections: int
    reserved: int
    """Kept for superusers and the like."""
    role_limit: int
    database_limit: int
    used: int
    """Without those of doctor itself."""
    ours: int
    """Of those in use, the service's."""

    @property
    def available(self) -> int:
        """How many the service's role could hold if nobody else connected."""
        limits = [self.role_limit, self.database_limit, self.max_connections - self.reserved]
        return min(limit for limit in limits if limit >= 0)


class Inspection:
    """One connection on which to ask; every method raises psycopg.Error."""

    def __init__(self, connection: psycopg.Connection, session: Session, way: str) -> None:
        self._connection = connection
        self._session = session
        self._way = way

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

    @property
    def options_refused(self) -> str:
        """Why the settings had to be set by statements; empty if they did not."""
        return self._session.refused

    @property
    def encoding(self) -> str:
        """The database's encoding."""
        return self._connection.info.parameter_status("server_encoding") or "unknown"

    @property
    def lost_search_path(self) -> str | None:
        """The search_path of the role or the database, if it does not lead to the tables."""
        return self._session.lost_path

    def wrong_settings(self) -> dict[str, tuple[str, str]]:
        """Return the settings of a session of the service's that are not as needed.

        Each with what it is and what it should be.
        """
        needed = NEEDED if self._way == SESSION_ROLE else _NEEDED
        wanted = {**needed, "session_replication_role": "origin"}
        rows = self._connection.execute(
            b"SELECT name, setting FROM pg_settings WHERE name = ANY ($1)", (list(wanted),)
        ).fetchall()
        return {
            str(name): (str(found), wanted[str(name)])
            for name, found in rows
            if _plain(str(found)) != _plain(wanted[str(name)])
        }

    def user(self) -> str:
        """Return the role's name as SQL takes it."""
        return str(self._row("SELECT quote_ident(current_user)")[0])

    def applied_migrations(self) -> list[str]:
        """Return the ids of the migrations that were applied, none without yoyo's table."""
        if self._row("SELECT to_regclass('_yoyo_migration') IS NOT NULL") == (False,):
            return []
        rows = self._connection.execute("SELECT migration_id FROM _yoyo_migration ORDER BY 1")
        return [str(row[0]) for row in rows]

    def missing_from_schema(self) -> list[Missing]:
        """Return what the code needs and the database lacks."""
        return missing_from(read_schema(self._connection))

    def blockers(self) -> list[Blocker]:
        """Return the sessions that others wait for."""
        return read_blockers(self._connection)

    def holders(self) -> list[Blocker]:
        """Return the sessions that keep everybody out of a table."""
        return read_holders(self._connection)

    def try_requests(self, at: Callable[[str], None]) -> None:
        """Do what requests do and take it back; `at` is told which kind comes."""
        probe_requests(self._connection, at)

    def go_service_can_write(self) -> bool:
        """Tell whether the Go service has not been retired from this database."""
        return self._row(GO_SERVICE_CAN_WRITE) == (True,)

    def connections(self) -> Connections:
        """Count connections; pg_stat_database shows those of other users to everybody."""
        row = self._row(
            "SELECT current_setting('max_connections')::int,"
            " current_setting('superuser_reserved_connections')::int"
            " + coalesce(current_setting('reserved_connections', true)::int, 0),"
            " (SELECT rolconnlimit FROM pg_roles WHERE rolname = session_user),"
            " (SELECT datconnlimit FROM pg_database WHERE datname = current_database()),"
            " (SELECT sum(numbackends)::int FROM pg_stat_database)"
            " - (SELECT count(*)::int FROM pg_stat_activity"
            "    WHERE application_name = 'shortener-doctor'),"
            " (SELECT count(*)::int FROM pg_stat_activity"
            "  WHERE usename = session_user AND application_name = 'shortener')"
        )
        return Connections(*row)  # type: ignore[arg-type]

    def client_addresses(self) -> set[str]:
        """Return from where the service's connections of this role come; none over a socket."""
        rows = self._connection.execute(
            "SELECT DISTINCT host(client_addr) FROM pg_stat_activity"
            " WHERE application_name = 'shortener' AND client_addr IS NOT NULL"
        )
        return {str(row[0]) for row in rows}

    def refuses_writes(self) -> tuple[bool, bool]:
        """Tell whether the server is a standby, and whether transactions are read-only."""
        standby, read_only = self._row(
            "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool"
        )
        return bool(standby), bool(read_only)

    def reset_of(self, setting: str) -> str | None:
        """Return the statement that takes back what was set for the database or the role."""
        row = self._connection.execute(_RESET.encode(), (setting,)).fetchone()
        return str(row[0]) if row else None

    def clock_offset(self) -> float:
        """Return by how many seconds the server's clock is ahead of this machine's."""
        before = time.time()
        (theirs,) = self._row("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(str(theirs)) - (before + time.time()) / 2

    def _row(self, statement: str) -> tuple[object, ...]:
        row = self._connection.execute(statement.encode()).fetchone()
        return row or ()


def _plain(setting: str) -> str:
    return setting.replace(" ", "").lower()


@contextlib.contextmanager
def inspect(settings: PostgresSettings, address: str | None) -> Iterator[Inspection]:
    """Connect as the service does, to an address already known; raise psycopg.Error."""
    address_known = {} if address is None else {"hostaddr": address}
    session = Session(settings.session_settings, _NEEDED)
    with connect(
        settings, session, application_name="shortener-doctor", **address_known
    ) as connection:
        yield Inspection(connection, session, settings.session_settings)
