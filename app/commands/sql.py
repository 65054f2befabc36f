"""The console command `sql`: one statement, run as the service's own user, where no psql is."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

import psycopg

from app.commands.pid_option import add_pid, become
from app.config import PostgresSettings, SettingsError, postgres_from_env
from app.storage.causes import database_cause
from app.storage.connections import connect
from app.storage.session import Session

_EPILOG = """\
Connects with the service's variables (POSTGRES_*) and prints rows with tabs between their columns.
A statement that has to wait for a lock gives up after five seconds: what waits for a table's lock
holds up everybody behind it. Where the server has no connection left, it tries again for half a
minute. In production its output goes to the log.

exit status: 0 done, 1 refused, 2 called wrongly, 3 a variable makes no sense

examples:
  sql 'SELECT count(*) FROM urls'
  sql --pid 4711 'SELECT pid, state FROM pg_stat_activity'
"""
_PATIENCE = 30.0
_PAUSE = 0.25
_LOCK_LIMIT = 5000
"""Milliseconds."""
_REPLY_WAIT = 24 * 3600.0
"""Seconds: whoever builds an index waits for it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the statement, print what it returns, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="sql",
        description="Run one SQL statement as the service's user.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("statement", help="what to run, quoted for the shell")
    add_pid(parser)
    given = parser.parse_args(arguments)
    if given.pid is not None:
        become(given.pid, parser)
    try:
        settings = postgres_from_env(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 3
    try:
        with _connect(settings) as connection:
            _print(connection.execute(given.statement.encode()))
    except psycopg.Error as error:
        print(f"sql: {_refusal(error)}", file=sys.stderr)
        return 1
    return 0


def _connect(settings: PostgresSettings) -> psycopg.Connection:
    # Read-only is how a database, not a person, may have been set: this may be what ends it.
    needed = {"lock_timeout": str(_LOCK_LIMIT), "default_transaction_read_only": "off"}
    session = Session(settings.session_settings, needed)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection = connect(settings, session, application_name="shortener-sql")
        except psycopg.OperationalError as error:
            full = "no connection left" in database_cause(error)
            if not full or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            connection.reply_wait = _REPLY_WAIT
            return connection


def _print(cursor: psycopg.Cursor) -> None:
    if cursor.description is None:
        print(cursor.statusmessage)
        return
    print("\t".join(column.name for column in cursor.description))
    result = cursor.pgresult
    assert result is not None  # noqa: S101  # it has columns
    for row in range(result.ntuples):
        # As the server writes them: Python has no infinite dates.
        values = (result.get_value(row, column) for column in range(result.nfields))
        print("\t".join((value or b"").decode(errors="replace") for value in values))
    print(f"({cursor.rowcount} rows)")


def _refusal(error: psycopg.Error) -> str:
    """Say why: of the statement in the server's words, for they are about what was typed."""
    if error.sqlstate and error.diag.message_primary:
        return f"PostgreSQL refused: {error.diag.message_primary} ({error.sqlstate})"
    return f"PostgreSQL refused: {database_cause(error)}"


if __name__ == "__main__":
    sys.exit(main())
