"""Bring a database to the current schema, and through the phases of the cut-over."""

from __future__ import annotations

import psycopg
from psycopg.errors import ProgramLimitExceeded, UniqueViolation

from app.config import PostgresSettings
from app.storage import digests, phase
from app.storage.go_service import SignsOfGo, look_for_go_service
from app.storage.migrator import (
    EXPANDING,
    RETIRING,
    MigrationTimeout,
    Migrator,
    read,
    sole_migrator,
)

__all__ = [
    "CannotReadmit",
    "CutOverRefused",
    "GoServiceAtWork",
    "MigrationTimeout",
    "known_migrations",
    "migrate",
    "readmit_go_service",
    "retire_go_service",
    "retiring_migrations",
]

_WAIT = 600.0
"""Seconds for another migration, and for locks that others hold."""


class CutOverRefused(Exception):
    """A step of the cut-over would do harm now."""


class GoServiceAtWork(CutOverRefused):
    """The Go service seems to be at work, so that it cannot be retired."""

    def __init__(self, signs: SignsOfGo) -> None:
        super().__init__(str(signs))


class CannotReadmit(CutOverRefused):
    """Links stand in the way of the Go service's constraint; the text counts them."""


def known_migrations() -> list[str]:
    """Return the ids of all migrations in their order, without the retiring ones."""
    return [migration.id for migration in read(EXPANDING)]


def retiring_migrations() -> list[str]:
    """Return the ids of what is applied when the Go service is retired."""
    return [migration.id for migration in read(RETIRING)]


def migrate(settings: PostgresSettings, *, wait: float = _WAIT) -> list[str]:
    """Apply what is missing and return the ids of what was applied.

    The Go service can go on writing where it could before; where it never could, it is retired at
    once. Safe when several run at once: one works, the others wait for it, `wait` seconds at most
    (MigrationTimeout). Run again after an interruption, it goes on where it stopped. Raises
    psycopg.Error when PostgreSQL refuses.
    """
    with sole_migrator(settings, wait) as migrator:
        return _migrate(migrator)


def retire_go_service(
    settings: PostgresSettings, *, force: bool = False, wait: float = _WAIT
) -> list[str]:
    """Migrate, and take away what only the Go service needs; return the ids of what was applied.

    GoServiceAtWork while it is connected or has written within the last hour, unless `force`.
    """
    with sole_migrator(settings, wait) as migrator:
        signs = look_for_go_service(migrator.connection)
        if signs and not force and phase.go_service_can_write(migrator.connection):
            raise GoServiceAtWork(signs)
        applied = _migrate(migrator) + migrator.apply(RETIRING)
        # What came in between; from now on nobody writes such rows.
        digests.settle(migrator.connection)
        return applied


def readmit_go_service(settings: PostgresSettings, *, wait: float = _WAIT) -> None:
    """Let the Go service write again, as before it was retired.

    CannotReadmit where links were made since that its constraint does not allow.
    """
    with sole_migrator(settings, wait) as migrator:
        _migrate(migrator)
        if phase.go_service_can_write(migrator.connection):
            return
        # First, so that `migrate` cleans up after a readmission that was killed.
        migrator.forget(RETIRING)
        try:
            migrator.patiently(lambda: phase.readmit(migrator.connection))
        except psycopg.Error as error:
            migrator.apply(RETIRING)
            obstacles = phase.obstacles(migrator.connection)
            if isinstance(error, UniqueViolation | ProgramLimitExceeded) and obstacles:
                raise CannotReadmit(obstacles) from None
            raise


def _migrate(migrator: Migrator) -> list[str]:
    applied = migrator.apply(EXPANDING)
    if not phase.go_service_can_write(migrator.connection):
        applied += migrator.apply(RETIRING)
    elif migrator.has_applied(RETIRING):
        # Somebody gave the Go service its constraint back by hand.
        migrator.patiently(lambda: phase.share(migrator.connection))
        migrator.forget(RETIRING)
    migrator.patiently(lambda: digests.settle(migrator.connection))
    return applied
