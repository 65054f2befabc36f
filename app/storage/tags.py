"""The tags of owners."""

from __future__ import annotations

from uuid import UUID

import psycopg

from app.fields import tag_key
from app.model.errors import TagExists
from app.model.managed_links import Tag
from app.storage.connections import Row
from app.storage.database import Database
from app.storage.statements import Statement

MOST = 1_000
_LIST = Statement(
    "SELECT name, links FROM tags WHERE user_id = %(owner)s AND links > 0 ORDER BY key"
    " LIMIT %(most)s"
)
_NAMED = Statement(
    "SELECT name, links FROM tags WHERE user_id = %(owner)s AND key = %(key)s AND links > 0"
)
_NUMBER = Statement("SELECT id FROM tags WHERE user_id = %(owner)s AND key = %(key)s")
_MATCHING = Statement(
    "SELECT id FROM tags WHERE user_id = %(owner)s AND lower(name) LIKE lower(%(pattern)s::text)"
    " LIMIT %(most)s"
)
_RENAME = Statement("""
    UPDATE tags SET key = %(new_key)s, name = %(name)s
    WHERE user_id = %(owner)s AND key = %(key)s AND links > 0
    RETURNING name, links
""")
_DROP_UNUSED = Statement(
    "DELETE FROM tags WHERE user_id = %(owner)s AND key = %(key)s AND links = 0 RETURNING id"
)


class TagTable:
    """Read and rename tags; links that get tags make them (managed_links.py)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def owned_by(self, owner: UUID) -> list[Tag]:
        """Return an owner's tags by name, at most a thousand."""
        return [Tag(*row) for row in self._rows(_LIST, owner)]

    def named(self, owner: UUID, name: str) -> list[Tag]:
        """Return the tag of this name, if any link has it."""
        return [Tag(*row) for row in self._rows(_NAMED, owner, key=tag_key(name))]

    def number(self, owner: UUID, name: str) -> int | None:
        """Return the number of a tag, None if the owner has none of this name."""
        rows = self._rows(_NUMBER, owner, key=tag_key(name))
        number: int | None = rows[0][0] if rows else None
        return number

    def matching(self, owner: UUID, pattern: str) -> tuple[int, ...]:
        """Return the numbers of the tags whose name matches a pattern of LIKE, in any case."""
        return tuple(number for (number,) in self._rows(_MATCHING, owner, pattern=pattern))

    def rename(self, owner: UUID, old: str, new: str) -> Tag | None:
        """Rename a tag for all links that have it; None without it, TagExists if it is taken."""
        key, new_key = tag_key(old), tag_key(new)
        if key != new_key:
            # A name that no link has any more is free.
            self._rows(_DROP_UNUSED, owner, key=new_key)
        try:
            rows = self._rows(_RENAME, owner, key=key, new_key=new_key, name=new)
        except psycopg.errors.UniqueViolation:
            raise TagExists from None
        return Tag(*rows[0]) if rows else None

    def _rows(self, statement: Statement, owner: UUID, **values: object) -> list[Row]:
        return self._database.rows(
            statement, {"owner": owner, "most": MOST, **values}, repeatable=True
        )
