"""The table of users."""

from __future__ import annotations

from uuid import UUID

import psycopg

from app.model.accounts import User
from app.model.errors import EmailExists, UsernameExists
from app.storage.database import Database
from app.storage.statements import Statement

_INSERT = Statement("""
    INSERT INTO users (username, email, password_hash)
    VALUES (%(username)s, %(email)s, %(password_hash)s)
    RETURNING id, username, email, created_at
""")
_EMAIL_TAKEN = Statement("SELECT 1 FROM users WHERE lower(email) = lower(%(email)s) LIMIT 1")
# Addresses that differ only in case may exist from before; the one typed exactly goes first.
_SELECT_CREDENTIALS = Statement("""
    SELECT id, password_hash FROM users
    WHERE lower(email) = lower(%(email)s) AND deleted_at IS NULL
    ORDER BY email = %(email)s DESC, created_at
    LIMIT 1
""")


class UserTable:
    """Read and write users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, username: str | None, email: str, password_hash: str) -> User:
        """Return the new user; raise EmailExists or UsernameExists."""
        values = {"username": username, "email": email, "password_hash": password_hash}
        try:
            rows = self._database.rows(_INSERT, values, repeatable=False)
        except psycopg.errors.UniqueViolation:
            taken = self._database.rows(_EMAIL_TAKEN, {"email": email}, repeatable=True)
            raise (EmailExists if taken else UsernameExists) from None
        return User(*rows[0])

    def credentials(self, email: str) -> tuple[UUID, str] | None:
        """Return the id and the password hash for an address in any case, or None."""
        rows = self._database.rows(_SELECT_CREDENTIALS, {"email": email}, repeatable=True)
        return (rows[0][0], rows[0][1]) if rows else None
