"""Whether PostgreSQL does what requests ask of it, for `/api/health`."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import cast

from app.storage.connections import BoundedConnection, Row
from app.storage.database import Database
from app.storage.links import LinkTable
from app.storage.statements import Statement
from app.storage.users import UserTable

_WAIT = 1.5
"""Seconds; the answer has to be there within two."""

_NOBODY = ""
"""A code and an address that nobody can have."""

# Takes the locks, needs the columns and the rights, and is refused by a read-only server, just as
# a create and a signup are; and writes nothing.
_WRITE = Statement("""
    WITH link AS (
        INSERT INTO urls (id, original_url, user_id, target_digest, digest_due, created_at)
        SELECT %(code)s, '', NULL, NULL, false, timezone('utc', now()) WHERE false
        ON CONFLICT DO NOTHING
        RETURNING id
    ), account AS (
        INSERT INTO users (username, email, password_hash)
        SELECT NULL, '', '' WHERE false
        RETURNING id
    )
    SELECT link.id, account.id FROM link, account
""")


class HealthCheck:
    """Ask what requests ask: a resolve, a login, a create and a signup, in a second and a half.

    The statements are prepared as theirs are, on a connection that requests use as well, and what
    mends a request mends the check. Who asks while somebody else does gets the same answer: a
    check that waits for a lock goes on waiting in the server after it was given up here.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._healthy = False
        self._answered_at = float("-inf")

    def is_healthy(self) -> bool:
        """Tell within a second and a half whether requests are served."""
        arrived = time.monotonic()
        if not self._lock.acquire(timeout=_WAIT):
            return False
        try:
            if self._answered_at < arrived:
                self._healthy = self._database.serves(_ask, arrived + _WAIT)
                self._answered_at = time.monotonic()
            return self._healthy
        finally:
            self._lock.release()


class _OneConnection:
    """Stands in for the pool, with what is left of the check's time."""

    def __init__(self, connection: BoundedConnection, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def rows(
        self, statement: Statement, parameters: Mapping[str, object], *, repeatable: bool
    ) -> list[Row]:
        """Return the rows of one statement."""
        del repeatable
        self._connection.reply_wait = max(0.001, self._deadline - time.monotonic())
        return self._connection.rows(statement.text, statement.values(parameters))


def _ask(connection: BoundedConnection, deadline: float) -> None:
    """Raise psycopg.Error where a request's statement would."""
    database = cast("Database", _OneConnection(connection, deadline))
    LinkTable(database).known(_NOBODY)
    UserTable(database).credentials(_NOBODY)
    database.rows(_WRITE, {"code": _NOBODY}, repeatable=True)
