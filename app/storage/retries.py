"""What to do when a statement failed: whether it may be run again, and on which connection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import psycopg

from app.storage.causes import database_cause
from app.storage.connections import BoundedConnection

# The server refused before it had done anything, because of what this session remembers: a plan
# made before a column changed its type, a prepared statement that a pooler or a failover took
# away or gave to somebody else, an object that was replaced, a session that had been idle for too
# long. Another session is the remedy.
_STALE_SESSION = frozenset({"0A000", "26000", "42P05", "08P01", "XX000", "57P05"})
# The server undid the statement for the sake of another one (serialization, deadlock).
_UNDONE = frozenset({"40001", "40P01"})


class Remedy(Enum):
    """What may help."""

    NONE = auto()
    AGAIN = auto()
    """Nothing was done: run it again, on whichever connection."""
    AGAIN_IF_REPEATABLE = auto()
    """The connection broke, and nobody knows whether the statement was carried out before."""
    OTHER_SERVER = auto()
    """This one is read-only: let later statements find the primary by its name."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a statement's error means."""

    cause: str
    remedy: Remedy


def failure_of(error: psycopg.Error, connection: BoundedConnection) -> Failure:
    """Judge an error, and close the connection if it, rather than the statement, is at fault."""
    state = error.sqlstate or ""
    if state == "25006":
        connection.close()
        remedy = Remedy.OTHER_SERVER
    elif state in _STALE_SESSION:
        connection.close()
        remedy = Remedy.AGAIN
    elif state in _UNDONE:
        remedy = Remedy.AGAIN
    elif _is_broken(error, connection):
        remedy = Remedy.AGAIN_IF_REPEATABLE
    else:
        remedy = Remedy.NONE
    return Failure(database_cause(error), remedy)


def _is_broken(error: psycopg.Error, connection: BoundedConnection) -> bool:
    """Tell whether the connection, rather than the statement, is at fault; if so, close it."""
    if (error.sqlstate or "")[:3] in {"57P", "080"}:
        connection.close()
    return connection.closed
