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
from app.storage.connections import connection_arguments

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
    options = {
        **connection_arguments(settings),
        "application_name": "shortener-sql",
        # Read-only is how a database, not a person, may have been set: this may be what ends it.
        "options": f"-c lock_timeout={_LOCK_LIMIT} -c default_transaction_read_only=off",
    }
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return psycopg.connect(**options)
        except psycopg.OperationalError as error:
            full = "no connection left" in database_cause(error)
            if not full or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)


def _print(cursor: psycopg.Cursor) -> None:
    if cursor.description is None:
        print(cursor.statusmessage)
        return
    print("\t".join(column.name for column in cursor.description))
    for row in cursor:
        print("\t".join("" if value is None else str(value) for value in row))
    print(f"({cursor.rowcount} rows)")


def _refusal(error: psycopg.Error) -> str:
    """Say why: of the statement in the server's words, for they are about what was typed."""
    if error.sqlstate and error.diag.message_primary:
        return f"PostgreSQL refused: {error.diag.message_primary} ({error.sqlstate})"
    return f"PostgreSQL refused: {database_cause(error)}"


if __name__ == "__main__":
    sys.exit(main())
