"""What a PostgreSQL server lacks when it refuses what it would do on another day."""

from __future__ import annotations

from app.doctor.findings import Advice
from app.doctor.next_steps import LONGEST, SETTINGS_OF_LIMITS, WHO, server_events, sql, storage
from app.doctor.situation import Situation

# Fragments of causes.database_cause, the likely cause, and the statement that shows more.
_BY_STATEMENT: tuple[tuple[str, str, str], ...] = (
    (
        "no connection left",
        "tasks x workers x POSTGRES_POOL_MAX is over max_connections, or somebody leaks",
        WHO,
    ),
    (
        "out of memory",
        "large statements, too many sessions, or locks beyond max_locks_per_transaction",
        LONGEST,
    ),
    (
        "own settings is reached",
        "a statement needs more than a setting such as temp_file_limit allows",
        SETTINGS_OF_LIMITS,
    ),
    ("lacks resources", "it is overloaded: its own log knows what it lacks", LONGEST),
)
_DISK_IS_FULL = (
    "tables, files of a sort, or WAL that a replication slot keeps fill it (RDS: "
    "FreeStorageSpace): give it room (docs/operations.md, Storage that is full)"
)
_DAMAGED = ("its disk", "own files", "own machine", "'s disk")
_DISK_FAILS = (
    "its disk or file system fails, and what is stored there may be damaged: its own log knows; "
    "stop what can wait, copy before anything is mended (docs/operations.md, Restoring)"
)


def trouble(found: str, situation: Situation) -> Advice | None:
    """Return what one of `causes.database_cause`'s phrases means, None if it is no such trouble."""
    if "disk is full" in found:
        return Advice(_DISK_IS_FULL, storage(situation))
    for fragment, cause, statement in _BY_STATEMENT:
        if fragment in found:
            return Advice(cause, sql(situation, statement))
    if any(fragment in found for fragment in _DAMAGED):
        return Advice(_DISK_FAILS, server_events(situation))
    return None
