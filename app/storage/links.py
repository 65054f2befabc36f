"""The table of links."""

from __future__ import annotations

from uuid import UUID

import psycopg

from app.model.errors import InvalidToken, TokenFault
from app.model.links import Link
from app.storage.database import Database
from app.storage.statements import Statement
from app.targets import Target

# One round trip: insert, or else give the code that the same owner already has. When another
# transaction has just inserted the same target, its row conflicts but is not yet visible, and
# no row comes back; neither does one when the code is taken.
_INSERT_ANONYMOUS = Statement("""
    WITH inserted AS (
        INSERT INTO urls (id, original_url, target_digest, created_at)
        VALUES (%(code)s, %(url)s, %(digest)s, timezone('utc', now()))
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT id, true FROM inserted
    UNION ALL
    SELECT id, false FROM urls
    WHERE target_digest = %(digest)s AND user_id IS NULL AND NOT EXISTS (SELECT FROM inserted)
    LIMIT 1
""")
# A token outlives its user: for one who is gone the row has no code.
_INSERT_OWNED = Statement("""
    WITH owner AS (
        SELECT id FROM users WHERE id = %(owner)s AND deleted_at IS NULL
    ), inserted AS (
        INSERT INTO urls (id, original_url, user_id, target_digest, created_at)
        SELECT %(code)s, %(url)s, owner.id, %(digest)s, timezone('utc', now()) FROM owner
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT id, true FROM inserted
    UNION ALL
    SELECT urls.id, false FROM urls JOIN owner ON urls.user_id = owner.id
    WHERE urls.target_digest = %(digest)s AND NOT EXISTS (SELECT FROM inserted)
    UNION ALL
    SELECT NULL, false WHERE NOT EXISTS (SELECT FROM owner)
    LIMIT 1
""")
_SELECT_TARGET = Statement("SELECT original_url FROM urls WHERE id = %(code)s")
# No row for a user who is gone, one row without a code for a user without links.
_SELECT_OWNED = Statement("""
    SELECT links.id, links.original_url, links.created_at
    FROM users LEFT JOIN LATERAL (
        SELECT id, original_url, created_at FROM urls
        WHERE user_id = users.id
        ORDER BY created_at DESC NULLS LAST, id DESC
        LIMIT %(limit)s
    ) AS links ON true
    WHERE users.id = %(owner)s AND users.deleted_at IS NULL
    ORDER BY links.created_at DESC NULLS LAST, links.id DESC
""")


class LinkTable:
    """Read and write links."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, code: str, target: Target, owner: UUID | None) -> tuple[str, bool] | None:
        """Return the target's code for this owner and whether it is new.

        None: the code is taken, or the same target is just being inserted; try again with
        another code. InvalidToken: the owner does not exist, or no longer.
        """
        statement = _INSERT_ANONYMOUS if owner is None else _INSERT_OWNED
        values = {"code": code, "url": target.url, "owner": owner, "digest": target.digest}
        try:
            rows = self._database.rows(statement, values, repeatable=True)
        except psycopg.errors.ForeignKeyViolation:
            raise InvalidToken(TokenFault.USER_GONE) from None
        if not rows:
            return None
        found, new = rows[0]
        if found is None:
            raise InvalidToken(TokenFault.USER_GONE)
        return found, new

    def target(self, code: str) -> str | None:
        """Return the stored target of a code, or None."""
        rows = self._database.rows(_SELECT_TARGET, {"code": code}, repeatable=True)
        return rows[0][0] if rows else None

    def owned_by(self, owner: UUID, limit: int) -> list[Link]:
        """Return an owner's links, the newest first, at most `limit`.

        InvalidToken: the owner does not exist, or no longer.
        """
        rows = self._database.rows(_SELECT_OWNED, {"owner": owner, "limit": limit}, repeatable=True)
        if not rows:
            raise InvalidToken(TokenFault.USER_GONE)
        return [Link(code, target, created_at) for code, target, created_at in rows if code]
