"""A stand-in for the Go service: its very statements, each on its own, and what it makes of them.

It looks for a free id by counting, inserts with ON CONFLICT, and reads the link that was there when
no row came back. It checks for neither NULL nor unknown columns: a value it cannot take is a
failure, as it is for its driver. Tokens are left out: it is told whose link it makes.
"""

import datetime as dt
import secrets
import string
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import psycopg

_CHARACTERS = string.ascii_letters + string.digits
_ATTEMPTS = 10
_COUNT = "SELECT COUNT(*) FROM urls WHERE id = $1"
_INSERT = """
    INSERT INTO urls (id, original_url, created_at, user_id)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (original_url) DO NOTHING
    RETURNING id, (xmax = 0) AS inserted
"""
_EXISTING = "SELECT id FROM urls WHERE original_url = $1"
_RESOLVE = "SELECT id, original_url, created_at FROM urls WHERE id = $1"
_LIST = "SELECT id, original_url, created_at FROM urls WHERE user_id = $1"
_SIGN_UP = """
    INSERT INTO users (username, email, password_hash)
    VALUES ($1, $2, $3)
    RETURNING id, created_at
"""
_LOG_IN = "SELECT id, username, email, password_hash, created_at FROM users WHERE email = $1"
TIMEOUT_S = 5
"""Seconds that it gives a use case of the database."""


class GoServiceError(Exception):
    """The Go service would have answered 500."""


@dataclass(frozen=True)
class Made:
    """The answer to a create: 201 where it is new, else 200."""

    code: str
    new: bool


class GoService:
    """One connection of the Go service's pool, by the POSTGRES_* of a database."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Connect as its driver does: prepared statements, no application name."""
        self._connection = psycopg.connect(
            host=environment["POSTGRES_HOST"],
            port=int(environment["POSTGRES_PORT"]),
            dbname=environment["POSTGRES_DB"],
            user=environment["POSTGRES_USER"],
            password=environment["POSTGRES_PASSWORD"],
            autocommit=True,
            prepare_threshold=0,
            cursor_factory=psycopg.RawCursor,
            options=f"-c statement_timeout={TIMEOUT_S}s",
        )
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def create(self, url: str, owner: UUID | None = None) -> Made:
        """Shorten a target; GoServiceError where it would answer 500."""
        if not url.startswith(("http://", "https://")):
            url = f"https://{url}"
        code = self._free_code()
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        inserted = self._row(_INSERT, code, url, now, owner)
        if inserted is not None:
            return Made(inserted[0], new=True)
        existing = self._row(_EXISTING, url)
        if existing is None:
            message = f"no link after a conflict: {url}"
            raise GoServiceError(message)
        return Made(existing[0], new=False)

    def resolve(self, code: str) -> str | None:
        """Return the target as its database query does, None for 404."""
        row = self._row(_RESOLVE, code)
        return None if row is None else str(_whole(row)[1])

    def links_of(self, owner: UUID) -> dict[str, str]:
        """Return the targets of a user's links by code."""
        return {code: url for code, url, _ in map(_whole, self._rows(_LIST, owner))}

    def sign_up(self, username: str, email: str, password_hash: str) -> UUID | None:
        """Return the new user's id, None where it would answer that the address is taken."""
        try:
            row = self._row(_SIGN_UP, username, email, password_hash)
        except GoServiceError:
            return None
        assert row is not None
        user: UUID = _whole(row)[0]
        return user

    def credentials(self, email: str) -> tuple[UUID, str] | None:
        """Return the id and the hash that a login compares with, None where it would be refused."""
        row = self._row(_LOG_IN, email)
        if row is None or None in row:
            return None
        return row[0], row[3]

    def _free_code(self) -> str:
        for _ in range(_ATTEMPTS):
            code = "".join(secrets.choice(_CHARACTERS) for _ in range(6))
            if self._row(_COUNT, code) == (0,):
                return code
        message = "no free code"
        raise GoServiceError(message)

    def _row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        rows = self._rows(statement, *values)
        return rows[0] if rows else None

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except psycopg.Error as error:
                raise GoServiceError(f"SQLSTATE {error.sqlstate}: {error}") from error


def _whole(row: tuple[Any, ...]) -> tuple[Any, ...]:
    if None in row:
        message = f"cannot scan NULL: {row}"
        raise GoServiceError(message)
    return row
