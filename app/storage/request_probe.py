"""Do in the database what requests do, with the service's own statements, and take it back."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import uuid4

import psycopg

from app import codes
from app.model.errors import InvalidToken
from app.storage.database import Database
from app.storage.links import LinkTable
from app.storage.statements import Statement
from app.storage.users import UserTable
from app.targets import accept

_LONG = 1700
"""Characters: a row that hardly fits in a page begun, and meets a disk that has no other left."""


class _OneConnection:
    """Stands in for the pool: statements run on one connection, in its transaction."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def rows(
        self, statement: Statement, parameters: Mapping[str, object], *, repeatable: bool
    ) -> list[tuple[Any, ...]]:
        """Return the rows of one statement."""
        del repeatable
        return self._connection.execute(
            statement.text.encode(), statement.values(parameters)
        ).fetchall()


def probe_requests(connection: psycopg.Connection, at: Callable[[str], None]) -> None:
    """Resolve, create, log in, sign up and list, for nobody; `at` is told which one comes.

    Everything is rolled back. Raises psycopg.Error, as a request's statement would.
    """
    database = cast("Database", _OneConnection(connection))
    links, users = LinkTable(database), UserTable(database)
    nonce = secrets.token_hex(16)
    url = f"https://doctor.invalid/{nonce}/{'x' * _LONG}"
    target = accept(url, own_hosts=frozenset(), local=False)
    steps: dict[str, Callable[[], object]] = {
        "resolve": lambda: links.known(codes.generate()),
        "log in": lambda: users.credentials(f"{nonce}@doctor.invalid"),
        "list": lambda: links.owned_by(uuid4(), 1),
        "create": lambda: links.insert(codes.generate(), target, None),
        "sign up": lambda: users.insert(None, f"{nonce}@doctor.invalid", "never a hash"),
    }
    with connection.transaction() as transaction:
        for name, step in steps.items():
            at(name)
            with contextlib.suppress(InvalidToken):  # the list of somebody who does not exist
                step()
        raise psycopg.Rollback(transaction)
