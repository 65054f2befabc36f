"""The table of imports: uploads of links, gone on with where the last part of them ended."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from uuid import UUID

from app.model.callers import Caller
from app.model.errors import TooManyImports
from app.model.transfers import Announced, Import, Refusal
from app.storage.connections import Row
from app.storage.database import Database
from app.storage.statements import Statement

MOST_OPEN = 5
"""Unfinished imports of one account."""
MOST_REFUSALS = 10_000
"""Refusals of one import that are kept; those after them are counted."""
LISTED = 20
KEPT_DAYS = 30
"""Days after the last part, after which an import is forgotten: its links stay."""

_COLUMNS = "id, format, name, size, received, links, unchanged, refused, created_at, changed_at"
# A key that is limited to a tag sees what was begun with that limit alone.
_OF_OWNER = "user_id = %(owner)s AND (%(tag)s::text IS NULL OR tag = %(tag)s::text)"
_OWN = f"id = %(id)s AND {_OF_OWNER}"
# Of finished ones no more are kept than are listed; old ones go by housekeeping.py.
_FORGET = Statement(f"""
    DELETE FROM imports WHERE user_id = %(owner)s AND received >= size AND id <> ALL (ARRAY(
        SELECT id FROM imports WHERE user_id = %(owner)s
        ORDER BY created_at DESC, id DESC
        LIMIT {LISTED}
    ))
    RETURNING id
""")  # noqa: S608  # a number of ours
_OPEN = Statement(f"""
    SELECT {_COLUMNS} FROM imports
    WHERE user_id = %(owner)s AND asked = %(format)s AND digest = %(digest)s
        AND size = %(size)s AND tag IS NOT DISTINCT FROM %(tag)s::text AND received < size
    ORDER BY created_at DESC, id DESC
    LIMIT 1
""")  # noqa: S608  # columns of ours
# The account's row is locked, so that two that begin at once are counted one after the other.
_INSERT = Statement(f"""
    WITH owner AS (
        SELECT id FROM users WHERE id = %(owner)s AND deleted_at IS NULL FOR UPDATE
    )
    INSERT INTO imports (id, user_id, asked, format, name, digest, tag, size)
    SELECT %(id)s::uuid, owner.id, %(format)s::text, %(format)s::text, %(name)s::text,
        %(digest)s::bytea, %(tag)s::text, %(size)s::bigint
    FROM owner
    WHERE (
        SELECT count(*) FROM (
            SELECT FROM imports WHERE user_id = %(owner)s AND received < size LIMIT {MOST_OPEN}
        ) AS open
    ) < {MOST_OPEN}
    ON CONFLICT (id) DO UPDATE SET id = excluded.id
    RETURNING {_COLUMNS}
""")  # noqa: S608  # columns and a number of ours
_SELECT = Statement(f"SELECT {_COLUMNS} FROM imports WHERE {_OWN}")  # noqa: S608  # ours
_UPLOAD = Statement(
    f"SELECT {_COLUMNS}, rest, reading, tag FROM imports WHERE {_OWN}"  # noqa: S608  # ours
)
_NEWEST = Statement(f"""
    SELECT {_COLUMNS} FROM imports WHERE {_OF_OWNER}
    ORDER BY created_at DESC, id DESC
    LIMIT {LISTED}
""")  # noqa: S608  # columns and a number of ours
_DELETE = Statement(f"DELETE FROM imports WHERE {_OWN} RETURNING id")  # noqa: S608  # ours
# Only where the refused part begins: another may have been taken there meanwhile.
_FORGET_AT = Statement(f"""
    DELETE FROM imports WHERE {_OWN} AND received = %(offset)s RETURNING id
""")  # noqa: S608  # columns of ours
_REFUSALS = Statement("""
    SELECT line, code, reason FROM import_refusals
    WHERE import_id = %(id)s AND line > %(after)s ORDER BY line LIMIT %(limit)s
""")


@dataclass(frozen=True, slots=True)
class Upload:
    """An import with what is needed to go on with it."""

    told: Import
    rest: bytes
    reading: bytes
    tag: str | None
    """To which the key that began it is limited."""


class ImportTable:
    """Begin imports, show them and give them up; imported_links.py takes their parts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, caller: Caller, file: Announced, digest: bytes | None) -> tuple[Import, bool]:
        """Return an import and whether it is new; TooManyImports while there are five open."""
        values = {
            "id": uuid.uuid4(),
            "owner": caller.user,
            "tag": caller.tag,
            "format": file.format,
            "size": file.size,
            "name": file.name,
            "digest": digest,
        }
        self._rows(_FORGET, owner=caller.user)
        if digest is not None and (rows := self._rows(_OPEN, **values)):
            return import_from(rows[0]), False
        rows = self._rows(_INSERT, **values)
        if not rows:
            raise TooManyImports("finish one, or give it up")
        return import_from(rows[0]), True

    def find(self, id_: UUID, caller: Caller) -> Import | None:
        """Return one of the owner's imports."""
        rows = self._rows(_SELECT, id=id_, owner=caller.user, tag=caller.tag)
        return import_from(rows[0]) if rows else None

    def upload(self, id_: UUID, caller: Caller) -> Upload | None:
        """Return one of the owner's imports, with what is needed to go on with it."""
        rows = self._rows(_UPLOAD, id=id_, owner=caller.user, tag=caller.tag)
        if not rows:
            return None
        rest, reading, tag = rows[0][-3:]
        return Upload(import_from(rows[0]), bytes(rest), bytes(reading), tag)

    def newest(self, caller: Caller) -> list[Import]:
        """Return the owner's last twenty."""
        return [import_from(row) for row in self._rows(_NEWEST, owner=caller.user, tag=caller.tag)]

    def delete(self, id_: UUID, caller: Caller) -> bool:
        """Forget an import; tell whether there was one."""
        return bool(self._rows(_DELETE, id=id_, owner=caller.user, tag=caller.tag))

    def forget(self, id_: UUID, caller: Caller, offset: int) -> None:
        """Forget an import that has come this far and can come no further."""
        self._rows(_FORGET_AT, id=id_, owner=caller.user, tag=caller.tag, offset=offset)

    def refusals(self, id_: UUID, after: int, limit: int) -> list[Refusal]:
        """Return what was refused behind a line."""
        rows = self._rows(_REFUSALS, id=id_, after=after, limit=limit)
        return [Refusal(*row) for row in rows]

    def _rows(self, statement: Statement, **values: object) -> list[Row]:
        return self._database.rows(statement, values, repeatable=True)


def import_from(row: Row) -> Import:
    """Return the columns of an import, which may be followed by others."""
    return Import(*row[:10])
