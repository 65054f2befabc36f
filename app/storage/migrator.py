"""Run migrations: one process at a time, and never in anybody's way for long."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import psycopg
import yoyo
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri

from app.config import PostgresSettings
from app.storage.session import ENCODING, MIGRATING, forget_variables, lost_path, start_options

EXPANDING = Path(__file__).parent / "migrations"
RETIRING = Path(__file__).parent / "retirement"
"""Folders: what the Go service can live with, and what it cannot."""

# One migration at a time, in any number of processes: a lock of PostgreSQL's own, gone with the
# connection of whoever held it.
_LOCK_KEY = 7_316_294_651
_POLL_INTERVAL = 0.25
_CONNECT_WAIT = 5
_WAITING, _WORKING = "shortener-migrate", "shortener-migrating"
"""What PostgreSQL shows: who waits for a turn or looks around, and who changes the schema."""

# Who waits for a table's lock makes everybody behind it wait: so it is asked for again and again
# with a pause, each time only so long. Longer than deadlock_timeout, after which PostgreSQL ends an
# autovacuum that is in the way: with less, a migration would never get past a long one.
_PAUSE = 2.0
_ORPHAN_WAIT = 30.0
# A statement whose client is gone ends by itself; PostgreSQL 13 does not know that setting.
_SESSION = """
    SELECT
        (SELECT set_config('lock_timeout', least(setting::int + 500, 4000)::text, false)
         FROM pg_settings WHERE name = 'deadlock_timeout'),
        (SELECT set_config(name, '1s', false)
         FROM pg_settings WHERE name = 'client_connection_check_interval')
"""
_ORPHANS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = %s AND pid <> pg_backend_pid()
"""

R = TypeVar("R")


class MigrationTimeout(Exception):
    """Another migration ran for too long."""


def read(folder: Path) -> Any:
    """Return the migrations of a folder in their order."""
    return yoyo.read_migrations(str(folder))


class Migrator:
    """Apply migrations; `connection` is for everything else, in autocommit mode."""

    def __init__(
        self, connection: psycopg.Connection, backend: PostgresqlPsycopgBackend, deadline: float
    ) -> None:
        self.connection = connection
        self._backend = backend
        self._deadline = deadline

    def apply(self, folder: Path) -> list[str]:
        """Apply what is missing; return the ids.

        A lock that somebody holds is asked for again until the deadline; then it is
        psycopg.errors.LockNotAvailable.
        """
        missing = self._backend.to_apply(read(folder))
        for migration in missing:
            self.patiently(functools.partial(self._backend.apply_one, migration))
        return [migration.id for migration in missing]

    def has_applied(self, folder: Path) -> bool:
        """Tell whether any migration of a folder counts as applied."""
        return bool(self._backend.to_rollback(read(folder)))

    def forget(self, folder: Path) -> None:
        """Let the migrations of a folder count as not applied."""
        self._backend.unmark_migrations(self._backend.to_rollback(read(folder)))

    def patiently(self, work: Callable[[], R]) -> R:
        """Do what may find a lock taken, again and again until the deadline."""
        while True:
            try:
                return work()
            except psycopg.errors.LockNotAvailable:
                if time.monotonic() + _PAUSE > self._deadline:
                    raise
                time.sleep(_PAUSE)


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo has no types
    def init_connection(self, connection: psycopg.Connection) -> None:
        super().init_connection(connection)
        connection.execute(_SESSION)


@contextlib.contextmanager
def sole_migrator(settings: PostgresSettings, wait: float) -> Iterator[Migrator]:
    """Wait for all other migrations, at most `wait` seconds (MigrationTimeout), and give a turn."""
    deadline = time.monotonic() + wait
    with psycopg.connect(**_arguments(settings), autocommit=True) as connection:
        # Asked again and again instead of waited for: CREATE INDEX CONCURRENTLY would wait for the
        # snapshot of a statement that waits.
        _until(lambda: _locked(connection), deadline)
        connection.execute(_SESSION)
        _end_orphans(connection)
        session = dict(MIGRATING)
        if lost_path(connection.cursor()) is not None:
            # Else a second set of tables would be made where search_path leads.
            session["search_path"] = "public"
            connection.execute("SET search_path TO public")
        uri = parse_uri(_uri(settings, session))
        backend = _Backend(uri, yoyo.connections.default_migration_table)
        try:
            backend.init_database()
            # Whoever held yoyo's own lock did not hold ours: it is dead.
            backend.break_lock()
            yield Migrator(connection, backend, deadline)
        finally:
            backend.connection.close()


def _until(done: Callable[[], bool], deadline: float) -> None:
    while not done():
        if time.monotonic() > deadline:
            raise MigrationTimeout
        time.sleep(_POLL_INTERVAL)


def _locked(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK_KEY,)).fetchone()
    return bool(row and row[0])


def _end_orphans(connection: psycopg.Connection) -> None:
    """End what a killed migration left running in the server: it would hold the tables' locks."""

    def ended() -> bool:
        orphans = connection.execute(_ORPHANS, (_WORKING,)).fetchall()
        for (pid,) in orphans:
            # Another role's may not be ended; it ends by itself, for its client is gone.
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        return not orphans

    _until(ended, time.monotonic() + _ORPHAN_WAIT)


def _arguments(settings: PostgresSettings) -> dict[str, Any]:
    forget_variables()
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.database,
        "user": settings.user,
        "password": settings.password,
        "sslmode": settings.sslmode,
        "connect_timeout": _CONNECT_WAIT,
        "application_name": _WAITING,
        "client_encoding": ENCODING,
        "options": start_options(MIGRATING),
    }


def _uri(settings: PostgresSettings, session: Mapping[str, str] = MIGRATING) -> str:
    query = {
        "host": settings.host,
        "port": str(settings.port),
        "sslmode": settings.sslmode,
        "connect_timeout": str(_CONNECT_WAIT),
        "application_name": _WORKING,
        "client_encoding": ENCODING,
        "options": start_options(session),
    }
    user, password = quote(settings.user, safe=""), quote(settings.password, safe="")
    database = quote(settings.database, safe="")
    return f"postgresql+psycopg://{user}:{password}@/{database}?{urlencode(query)}"
