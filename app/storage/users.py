"""The table of users."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg

from app.model.accounts import User
from app.model.errors import EmailExists, UsernameExists
from app.storage.database import Database
from app.storage.statements import Statement

MOST_SPELLINGS = 4
# Always as many: the planner then knows how few rows can come back.
_SPELLINGS = tuple(f"spelling_{place}" for place in range(MOST_SPELLINGS))
_IN_ANY_CASE = ", ".join(f"lower(%({name})s)" for name in _SPELLINGS)
_AS_TYPED = ", ".join(f"%({name})s" for name in _SPELLINGS)

# Spellings of one address other than by case, which an account of before may have: no unique index
# knows of them.
_INSERT = Statement(f"""
    INSERT INTO users (username, email, password_hash)
    SELECT %(username)s, %(email)s, %(password_hash)s
    WHERE NOT EXISTS (SELECT FROM users WHERE lower(email) IN ({_IN_ANY_CASE}))
    RETURNING id, username, email, created_at
""")  # noqa: S608  # of constants alone
_EMAIL_TAKEN = Statement("SELECT 1 FROM users WHERE lower(email) = lower(%(email)s) LIMIT 1")
# Addresses that differ only in case may exist from before. The first spelling goes before the
# second, whatever its case; among those that differ only in case the one typed exactly goes first.
_SELECT_CREDENTIALS = Statement(f"""
    SELECT id, password_hash, token_generation FROM users
    WHERE lower(email) IN ({_IN_ANY_CASE}) AND deleted_at IS NULL
    ORDER BY array_position(ARRAY[{_IN_ANY_CASE}], lower(email)),
        array_position(ARRAY[{_AS_TYPED}]::text[], email), created_at
    LIMIT 1
""")  # noqa: S608
_SELECT = Statement("""
    SELECT id, username, email, created_at FROM users
    WHERE id = %(user)s AND deleted_at IS NULL
""")


def _spelled(spellings: Sequence[str]) -> dict[str, object]:
    filled = [*spellings, *[spellings[-1]] * (MOST_SPELLINGS - len(spellings))]
    return dict(zip(_SPELLINGS, filled, strict=True))


class UserTable:
    """Read and write users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(
        self, username: str | None, email: str, password_hash: str, *, also: Sequence[str] = ()
    ) -> User:
        """Return the new user; raise EmailExists or UsernameExists.

        `also` are spellings of the address, four at most, which no account may have either.
        """
        values = {
            "username": username,
            "email": email,
            "password_hash": password_hash,
            **_spelled(also or [email]),
        }
        try:
            rows = self._database.rows(_INSERT, values, repeatable=False)
        except psycopg.errors.UniqueViolation:
            taken = self._database.rows(_EMAIL_TAKEN, {"email": email}, repeatable=True)
            raise (EmailExists if taken else UsernameExists) from None
        if not rows:
            raise EmailExists
        return User(*rows[0])

    def credentials(self, *spellings: str) -> tuple[UUID, str] | None:
        """Return the id and the password hash for an address in any case, or None.

        Of several spellings, four at most, the first that an account has decides.
        """
        found = self.login(*spellings)
        return None if found is None else found[:2]

    def login(self, *spellings: str) -> tuple[UUID, str, int] | None:
        """Return the same, and of which generation a token has to be."""
        values = _spelled(spellings)
        rows = self._database.rows(_SELECT_CREDENTIALS, values, repeatable=True)
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    def show(self, user: UUID) -> User | None:
        """Return a user, None for one who is gone."""
        rows = self._database.rows(_SELECT, {"user": user}, repeatable=True)
        return User(*rows[0]) if rows else None
