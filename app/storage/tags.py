"""The tags of owners."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import psycopg

from app.fields import tag_key
from app.model.errors import TagExists
from app.model.managed_links import Tag
from app.storage.connections import BoundedConnection, Row
from app.storage.database import Database
from app.storage.statements import Statement

MOST = 1_000
AT_ONCE = 1_000
"""Deleted links that one transaction gives another tag: half a second on a busy machine."""
_LIST = Statement(
    "SELECT name, links FROM tags WHERE user_id = %(owner)s AND links > 0 ORDER BY key"
    " LIMIT %(most)s"
)
_NAMED = Statement(
    "SELECT name, links FROM tags WHERE user_id = %(owner)s AND key = %(key)s AND links > 0"
)
_NUMBER = Statement("SELECT id, links FROM tags WHERE user_id = %(owner)s AND key = %(key)s")
_MATCHING = Statement(
    "SELECT id FROM tags WHERE user_id = %(owner)s AND lower(name) LIKE lower(%(pattern)s::text)"
    " LIMIT %(most)s"
)
_RENAME = Statement("""
    UPDATE tags SET key = %(new_key)s, name = %(name)s
    WHERE user_id = %(owner)s AND key = %(key)s AND links > 0
    RETURNING name, links
""")
_BOTH = """
    SELECT key, id, name, links FROM tags
    WHERE user_id = %(owner)s AND key IN (%(key)s, %(new_key)s) ORDER BY id
"""
_FIND = Statement(_BOTH)
_LOCK = Statement(f"{_BOTH} FOR UPDATE")
# By the index of an owner's deleted links, planned for this owner. A link that has both keeps one,
# at the first of their places.
_MERGE = Statement(
    """
    WITH chosen AS MATERIALIZED (
        SELECT id FROM urls
        WHERE user_id = %(owner)s AND deleted_at IS NOT NULL
            AND tag_ids @> ARRAY[%(taken)s::bigint]
        LIMIT %(at_once)s FOR UPDATE
    )
    UPDATE urls SET tag_ids = ARRAY(
        SELECT merged.id FROM (
            SELECT CASE given.id WHEN %(taken)s::bigint THEN %(kept)s::bigint ELSE given.id END,
                given.place
            FROM unnest(urls.tag_ids) WITH ORDINALITY AS given (id, place)
        ) AS merged (id, place)
        GROUP BY merged.id ORDER BY min(merged.place)
    )
    FROM chosen WHERE urls.id = chosen.id
    RETURNING urls.id
""",
    prepared=False,
)
_DROP = Statement("DELETE FROM tags WHERE id = %(taken)s AND links = 0 RETURNING id")


@dataclass(frozen=True, slots=True)
class NumberedTag:
    """The number that stands for a tag, and how many links that are not deleted have it."""

    number: int
    links: int


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

    def number(self, owner: UUID, name: str) -> NumberedTag | None:
        """Return the number of a tag, None if the owner has none of this name."""
        rows = self._rows(_NUMBER, owner, key=tag_key(name))
        return NumberedTag(*rows[0]) if rows else None

    def matching(self, owner: UUID, pattern: str) -> tuple[int, ...]:
        """Return the numbers of the tags whose name matches a pattern of LIKE, in any case."""
        return tuple(number for (number,) in self._rows(_MATCHING, owner, pattern=pattern))

    def rename(self, owner: UUID, old: str, new: str) -> Tag | None:
        """Rename a tag for all links that have it; None without it, TagExists if it is taken.

        A name that only deleted links have is not taken, and not lost either, since `enable` undoes
        a deletion wholly: the tags become one. More than AT_ONCE such links are merged before the
        rename, so many at a time: no lock is held for long, and who asks again goes on.
        """
        renaming = _Renaming(owner, old, new)
        try:
            while not self._database.transaction(renaming.step):
                pass
        except psycopg.errors.UniqueViolation:
            raise TagExists from None
        return renaming.renamed

    def _rows(self, statement: Statement, owner: UUID, **values: object) -> list[Row]:
        return self._database.rows(
            statement, {"owner": owner, "most": MOST, **values}, repeatable=True
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """A tag, with its number."""

    number: int
    name: str
    links: int


class _Renaming:
    """One rename, in as many transactions as it needs."""

    def __init__(self, owner: UUID, old: str, new: str) -> None:
        self.renamed: Tag | None = None
        self._key, self._new_key, self._name = tag_key(old), tag_key(new), new
        self._values = {"owner": owner, "key": self._key, "new_key": self._new_key, "name": new}
        self._tries = 0

    def step(self, connection: BoundedConnection) -> bool:
        """Rename, and return True; False: that many links were merged, and there may be more.

        Links are locked before tags, as whoever enables one does.
        """
        self._tries += 1
        self.renamed = None
        if self._key != self._new_key:
            if self._was_done(connection):
                return True
            if self._merge(connection, _FIND) == AT_ONCE:
                return False
            # Whoever gives or takes the other tag meanwhile is waited for, and seen from here on.
            if self._merge(connection, _LOCK, drop=True) == AT_ONCE:
                return False
        rows = self._rows(connection, _RENAME)
        self.renamed = Tag(*rows[0]) if rows else None
        return True

    def _was_done(self, connection: BoundedConnection) -> bool:
        """Tell whether a try whose answer was lost has renamed it."""
        if self._tries == 1:
            return False
        found = self._tags(connection, _FIND)
        there = found.get(self._new_key)
        if self._key in found or there is None or there.name != self._name:
            return False
        self.renamed = Tag(there.name, there.links)
        return True

    def _merge(
        self, connection: BoundedConnection, statement: Statement, *, drop: bool = False
    ) -> int:
        """Give deleted links the tag that is kept, and return how many those were."""
        found = self._tags(connection, statement)
        kept, taken = found.get(self._key), found.get(self._new_key)
        if kept is None or not kept.links or taken is None:
            return 0
        if taken.links:
            raise TagExists
        values = {"kept": kept.number, "taken": taken.number, "at_once": AT_ONCE}
        merged = len(self._rows(connection, _MERGE, **values))
        if drop and merged < AT_ONCE:
            self._rows(connection, _DROP, taken=taken.number)
        return merged

    def _tags(self, connection: BoundedConnection, statement: Statement) -> dict[str, _Found]:
        return {key: _Found(*tag) for key, *tag in self._rows(connection, statement)}

    def _rows(
        self, connection: BoundedConnection, statement: Statement, **values: object
    ) -> list[Row]:
        found = statement.values({**self._values, **values})
        return connection.rows(statement.text, found, prepare=statement.prepare)
