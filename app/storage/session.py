"""What the service needs of a session, whoever configured the server, the database or the role.

`ALTER DATABASE … SET datestyle`, a role's `lock_timeout` or a variable of libpq's such as
`PGCLIENTENCODING` must not change what a request gets. Three ways lead to that, chosen by
POSTGRES_SESSION_SETTINGS: `startup` sends the settings with the connection itself; `statement`
sets them afterwards, for poolers that take no start parameters; `role` leaves them to
`ALTER ROLE … SET`, for poolers that tie a session that ran a SET to one server connection.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import psycopg

from app.config import SESSION_ROLE, SESSION_STARTUP, SESSION_STATEMENT
from app.storage.causes import OPTIONS_REFUSED, database_cause
from app.storage.complaints import Complaints
from app.storage.loaders import load_any_text

log = logging.getLogger(__name__)

STATEMENT_LIMIT = 5.0
LOCK_LIMIT = 4.0
"""Seconds; less than a statement has, so that the log names the lock and not the statement."""

NEEDED: Mapping[str, str] = {
    "statement_timeout": f"{STATEMENT_LIMIT * 1000:.0f}",
    "lock_timeout": f"{LOCK_LIMIT * 1000:.0f}",
    # Every statement follows an index in its order. A bitmap, which the planner may take for an
    # owner of average size, would read and sort all links of one who has a million.
    "enable_bitmapscan": "off",
    # A statement that another transaction disturbs sees its rows instead of failing.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # A link that was acknowledged is on the disk.
    "synchronous_commit": "on",
    "row_security": "on",
    "standard_conforming_strings": "on",
    "DateStyle": "ISO,MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
}
"""Left alone: default_transaction_read_only, by which an operator stops writing."""

MIGRATING = {**NEEDED, "statement_timeout": "0", "lock_timeout": "0"}
"""For migrations: they take their time, and set limits of their own."""

ENCODING = "UTF8"
_UNCHECKED = "SQL_ASCII"
_SERVER_ENCODING = "server_encoding"
# Of libpq's variables only these stay: how TLS is verified has no variable of ours.
_KEPT_VARIABLES = (
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLMINPROTOCOLVERSION",
    "PGSSLMAXPROTOCOLVERSION",
)
# A search_path from elsewhere may lead past the tables, or to nothing.
_FIND_TABLES = """
    SELECT current_setting('search_path')
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = 'urls' AND nspname = 'public' AND NOT pg_table_is_visible(pg_class.oid)
        AND has_schema_privilege(pg_namespace.oid, 'USAGE')
        AND NOT EXISTS (
            SELECT FROM pg_class AS seen WHERE relname = 'urls' AND pg_table_is_visible(seen.oid)
        )
"""


class Session:
    """Makes each new connection of a process what the service needs it to be."""

    def __init__(
        self,
        way: str,
        needed: Mapping[str, str] = NEEDED,
        complaints: Complaints | None = None,
    ) -> None:
        self._way = way
        self._needed = needed
        self._complaints = complaints or Complaints(log)
        self.refused = ""
        """Why no `options` are sent although they should be; empty while they are taken."""
        self.lost_path: str | None = None
        """The search_path of the role or the database, if it did not lead to the tables."""
        forget_variables()

    @property
    def options(self) -> str:
        """The start parameter `options`; empty where it is not sent."""
        return start_options(self._needed) if self._way == SESSION_STARTUP else ""

    def refuses_options(self, error: psycopg.Error) -> bool:
        """Tell whether a pooler refused the connection for its `options`; then send none again."""
        cause = database_cause(error)
        if self._way != SESSION_STARTUP or cause not in OPTIONS_REFUSED:
            return False
        self._way = SESSION_STATEMENT
        self.refused = cause
        self._complaints.say("PostgreSQL's session settings are set by statements", cause)
        return True

    def settle(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        """Set what the connection did not bring along, and say what cannot be set."""
        # Made without the connection's factory: it is nobody's request, and no trace shows it.
        cursor = psycopg.RawCursor(connection)
        if self._way == SESSION_STATEMENT:
            settings = "; ".join(f"SET {name} TO '{value}'" for name, value in self._needed.items())
            cursor.execute(settings.encode())
        encoding = connection.info.parameter_status(_SERVER_ENCODING)
        if encoding != ENCODING:
            self._complaints.say("PostgreSQL's database is not in UTF-8", encoding_fault(encoding))
        if encoding == _UNCHECKED:
            # It would check what it sends, and refuse the whole answer for one byte.
            cursor.execute(b"SET client_encoding TO SQL_ASCII")
            load_any_text(connection)
        self.lost_path = lost_path(cursor)
        if self.lost_path is not None:
            self._complaints.say(
                "PostgreSQL's search_path does not lead to the tables", f"it is {self.lost_path!r}"
            )
            if self._way != SESSION_ROLE:
                cursor.execute(b"SET search_path TO public")


def start_options(settings: Mapping[str, str]) -> str:
    """Return the start parameter `options` for settings."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def lost_path(cursor: psycopg.Cursor[Any]) -> str | None:
    """Return the session's search_path if it does not lead to the tables and `public` has them."""
    row = cursor.execute(_FIND_TABLES.encode()).fetchone()
    return None if row is None else str(row[0])


def encoding_fault(encoding: str | None) -> str:
    """Return what it means that a database is not in UTF-8."""
    if encoding == _UNCHECKED:
        return "it is SQL_ASCII, in which nothing is checked and only ASCII has a case"
    return f"it is {encoding}, which cannot hold every character of a target"


def forget_variables() -> None:
    """Take libpq's variables out of the process: each of them would change every connection."""
    known = {
        option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar
    }
    # Which that list leaves out.
    known |= {"PGDATESTYLE", "PGTZ", "PGGEQO", "PGSERVICEFILE", "PGSYSCONFDIR", "PGREQUIRESSL"}
    for name in known.difference(_KEPT_VARIABLES):
        os.environ.pop(name, None)


def _escaped(value: str) -> str:
    """Return a value as the server's own command line takes it."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
