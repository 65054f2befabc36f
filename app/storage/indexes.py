"""Build and drop indexes while others read and write, as migrations need it."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from psycopg import sql

# CONCURRENTLY waits for everybody's older transactions and holds nobody up meanwhile: the short
# limit that spares others a lock's queue would only end the build.
_PATIENCE = "10min"
_ATTEMPTS = 3


def build(connection: psycopg.Connection, name: str, definition: LiteralString) -> None:
    """Build the index `name` over `definition` concurrently, unless it is there and valid.

    What an interrupted build left behind is dropped first. The connection is in autocommit mode.
    """
    if not _is_valid(connection, name):
        _build(connection, name, "CREATE INDEX CONCURRENTLY {} ON " + definition)


def build_unique(
    connection: psycopg.Connection,
    name: str,
    definition: LiteralString,
    *,
    one_of_each: LiteralString | None = None,
) -> None:
    """Build a unique index as `build` does, after the statement that makes it possible.

    Others may write in between what stands in its way: then both are repeated. Raises
    psycopg.errors.UniqueViolation when they did so each time.
    """
    for attempt in range(_ATTEMPTS):
        if _is_valid(connection, name):
            return
        if one_of_each is not None:
            connection.execute(one_of_each)
        try:
            _build(connection, name, "CREATE UNIQUE INDEX CONCURRENTLY {} ON " + definition)
        except psycopg.errors.UniqueViolation:
            # What is left of it would go on refusing rows.
            drop(connection, name)
            if attempt == _ATTEMPTS - 1:
                raise


def drop(connection: psycopg.Connection, name: str) -> None:
    """Drop an index concurrently; one that is not there is fine."""
    _patiently(
        connection, sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name))
    )


def _is_valid(connection: psycopg.Connection, name: str) -> bool:
    found = connection.execute(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", (name,)
    )
    return found.fetchone() == (True,)


def _build(connection: psycopg.Connection, name: str, statement: LiteralString) -> None:
    drop(connection, name)
    _patiently(connection, sql.SQL(statement).format(sql.Identifier(name)))


def _patiently(connection: psycopg.Connection, statement: sql.Composed) -> None:
    before = connection.execute("SHOW lock_timeout").fetchone()
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (_PATIENCE,))
    try:
        connection.execute(statement)
    finally:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", before)
