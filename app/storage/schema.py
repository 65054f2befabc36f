"""Bring a database to the current schema; see `migrations/`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import yoyo

from app.config import PostgresSettings

MIGRATIONS = Path(__file__).parent / "migrations"

# One migration at a time, in any number of processes: a lock of PostgreSQL's own, gone with the
# connection of whoever held it.
_LOCK_KEY = 7_316_294_651
_POLL_INTERVAL = 0.25
_CONNECT_WAIT = 5


class MigrationTimeout(Exception):
    """Another migration ran for too long."""


def known_migrations() -> list[str]:
    """Return the ids of all migrations in their order."""
    return [migration.id for migration in yoyo.read_migrations(str(MIGRATIONS))]


def migrate(settings: PostgresSettings, *, wait: float = 600.0) -> list[str]:
    """Apply what is missing and return the ids of what was applied.

    Safe when several run at once: one works, the others wait for it, `wait` seconds at most
    (MigrationTimeout). Run again after an interruption, it goes on where it stopped. Raises
    psycopg.Error when PostgreSQL refuses.
    """
    with _sole_migration(settings, wait):
        backend = yoyo.get_backend(_uri(settings))
        try:
            # Whoever held yoyo's own lock did not hold ours: it is dead.
            backend.break_lock()
            migrations = backend.to_apply(yoyo.read_migrations(str(MIGRATIONS)))
            applied = [migration.id for migration in migrations]
            backend.apply_migrations(migrations)
        finally:
            backend.connection.close()
    return applied


@contextlib.contextmanager
def _sole_migration(settings: PostgresSettings, wait: float) -> Iterator[None]:
    deadline = time.monotonic() + wait
    with psycopg.connect(**_arguments(settings), autocommit=True) as connection:
        # Asked again and again instead of waited for: CREATE INDEX CONCURRENTLY would wait for the
        # snapshot of a statement that waits.
        while not _locked(connection):
            if time.monotonic() > deadline:
                raise MigrationTimeout
            time.sleep(_POLL_INTERVAL)
        yield


def _locked(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK_KEY,)).fetchone()
    return bool(row and row[0])


def _arguments(settings: PostgresSettings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.database,
        "user": settings.user,
        "password": settings.password,
        "sslmode": settings.sslmode,
        "connect_timeout": _CONNECT_WAIT,
        "application_name": "shortener-migrate",
    }


def _uri(settings: PostgresSettings) -> str:
    query = {
        "host": settings.host,
        "port": str(settings.port),
        "sslmode": settings.sslmode,
        "connect_timeout": str(_CONNECT_WAIT),
        "application_name": "shortener-migrate",
    }
    user, password = quote(settings.user, safe=""), quote(settings.password, safe="")
    database = quote(settings.database, safe="")
    return f"postgresql+psycopg://{user}:{password}@/{database}?{urlencode(query)}"
