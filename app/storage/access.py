"""Whether a key or a token is still good, asked of PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.storage.database import Database
from app.storage.statements import Statement

_USER = Statement("""
    SELECT token_generation, tokens_ended_at FROM users
    WHERE id = %(user)s AND deleted_at IS NULL
""")
_KEY = Statement("""
    SELECT keys.id, keys.user_id, keys.scopes, keys.tag, keys.expires_at
    FROM api_keys AS keys JOIN users ON users.id = keys.user_id
    WHERE keys.digest = %(digest)s AND users.deleted_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """Which tokens of a user are good."""

    generation: int
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key allows."""

    key: UUID
    user: UUID
    scopes: frozenset[str]
    tag: str | None
    expires_at: datetime | None


class AccessTable:
    """Reads; errors are DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, user: UUID) -> Standing | None:
        """Return which tokens of a user are good, None for an account that is gone."""
        rows = self._database.rows(_USER, {"user": user}, repeatable=True)
        return Standing(*rows[0]) if rows else None

    def grant(self, digest: bytes) -> Grant | None:
        """Return what the key with this digest allows, None if there is none."""
        rows = self._database.rows(_KEY, {"digest": digest}, repeatable=True)
        if not rows:
            return None
        key, user, scopes, tag, expires_at = rows[0]
        return Grant(key, user, frozenset(scopes), tag, expires_at)
