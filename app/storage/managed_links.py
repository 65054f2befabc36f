"""The table of links, for those who manage them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from app.fields import tag_key
from app.model.errors import InvalidToken, InvalidUrl, TargetTaken, TokenFault
from app.model.managed_links import Fields, ManagedLink
from app.storage.connections import Row
from app.storage.database import Database
from app.storage.link_rows import MANAGED, managed_from
from app.storage.statements import Statement

# Tags are locked in the order of their keys, those that a link had before included: two changes
# that give and take the same tags wait for each other and never in a circle.
_TAGGED = """
    given AS (
        SELECT key, name, place
        FROM unnest(%(keys)s::text[], %(names)s::text[]) WITH ORDINALITY AS given (key, name, place)
    ), tagged AS (
        INSERT INTO tags (user_id, key, name)
        SELECT owner.id, every.key, every.name
        FROM owner, unnest(%(locked_keys)s::text[], %(locked_names)s::text[]) AS every (key, name)
        ORDER BY every.key
        ON CONFLICT (user_id, key) DO UPDATE SET key = excluded.key
        RETURNING id, key
    )
"""
_TAG_IDS = """
    (SELECT array_agg(tagged.id ORDER BY given.place) FROM given JOIN tagged USING (key))
"""
_OWNER = "owner AS (SELECT id FROM users WHERE id = %(owner)s AND deleted_at IS NULL)"
_VALUES = """
    %(title)s::text, %(starts_at)s::timestamptz, %(expires_at)s::timestamptz,
    %(max_visits)s::bigint, %(redirect_status)s::smallint, %(forward_query)s::boolean,
    %(rules)s::jsonb
"""
_COLUMNS = "title, starts_at, expires_at, max_visits, redirect_status, forward_query, rules"
_NOTED = """
    noted AS (
        INSERT INTO idempotent_links (request, place, code)
        SELECT %(request)s::bigint, %(place)s::integer, id FROM inserted
        WHERE %(request)s::bigint IS NOT NULL
    )
"""
_INSERT_OWNED = Statement(f"""
    WITH {_OWNER}, {_TAGGED}, inserted AS (
        INSERT INTO urls (id, original_url, user_id, created_at, digest_due, revision, changed_at,
            tag_ids, {_COLUMNS})
        SELECT %(code)s::varchar, %(url)s::varchar, owner.id, timezone('utc', now()), false, 0,
            now(), {_TAG_IDS}, {_VALUES}
        FROM owner
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    ), {_NOTED}
    SELECT EXISTS (SELECT FROM owner), EXISTS (SELECT FROM inserted)
""")  # noqa: S608  # parts of ours
_INSERT_ANONYMOUS = Statement(f"""
    WITH inserted AS (
        INSERT INTO urls (id, original_url, created_at, digest_due, revision, changed_at,
            {_COLUMNS})
        VALUES (%(code)s, %(url)s, timezone('utc', now()), false, 0, now(), {_VALUES})
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    ), {_NOTED}
    SELECT true, EXISTS (SELECT FROM inserted)
""")  # noqa: S608  # parts of ours
_OF_CALLER = "urls.user_id IS NOT DISTINCT FROM %(owner)s::uuid"
WITHIN = """
    (%(within)s::text IS NULL OR urls.tag_ids @> ARRAY[(
        SELECT limits.id FROM tags AS limits
        WHERE limits.user_id = %(owner)s::uuid AND limits.key = %(within)s::text
    )])
"""
"""Whether a link has the tag that a caller is limited to, if there is one."""
_SELECT = Statement(f"""
    SELECT {MANAGED}
    FROM urls LEFT JOIN link_counts AS counts ON counts.code = urls.id
    WHERE urls.id = %(code)s AND {_OF_CALLER} AND {WITHIN}
""")  # noqa: S608  # parts of ours
# Renaming a tag changes no link: the names that were seen must still be those of the link's tags.
# They are locked, so nobody renames them meanwhile.
_SEEN_TAGS = """
    seen_tags AS (
        SELECT coalesce(array_agg(tagged.id ORDER BY seen.place), '{}') AS ids
        FROM unnest(%(seen_keys)s::text[]) WITH ORDINALITY AS seen (key, place)
        JOIN tagged USING (key)
    )
"""
_AS_SEEN = """
    coalesce(urls.revision, 0) = %(revision)s::bigint AND ARRAY(
        SELECT had.id FROM unnest(urls.tag_ids) WITH ORDINALITY AS had (id, place)
        WHERE had.id = ANY (seen_tags.ids) ORDER BY had.place
    ) = seen_tags.ids
"""
# A limit is one of all visits of a link's life. While a link has none, they are those of its counts
# and, in used_visits, those that the counts do not hold: counts can be deleted.
_USED = """
    CASE
        WHEN urls.max_visits IS NULL AND %(max_visits)s::bigint IS NOT NULL
            THEN coalesce(urls.used_visits, 0) + coalesce((SELECT visits FROM counted), 0)
        WHEN urls.max_visits IS NOT NULL AND %(max_visits)s::bigint IS NULL
            THEN greatest(urls.used_visits - coalesce((SELECT visits FROM counted), 0), 0)
        ELSE urls.used_visits
    END
"""
# Title and tags alone leave a link to be found again by its target; nothing else does, for good.
_UPDATE = Statement(f"""
    WITH {_OWNER}, {_TAGGED}, {_SEEN_TAGS}, counted AS (
        SELECT visits FROM link_counts WHERE code = %(code)s
    )
    UPDATE urls
    SET original_url = %(url)s,
        target_digest = CASE WHEN %(findable)s THEN target_digest END,
        digest_due = digest_due AND %(findable)s,
        tag_ids = {_TAG_IDS},
        ({_COLUMNS}) = ROW ({_VALUES}),
        used_visits = {_USED},
        exhausted_at = CASE WHEN %(max_visits)s::bigint <= coalesce({_USED}, 0)
            THEN coalesce(exhausted_at, now()) END
    FROM owner, seen_tags
    WHERE urls.id = %(code)s AND urls.user_id = owner.id AND urls.deleted_at IS NULL
        AND {_AS_SEEN}
    RETURNING urls.id
""")  # noqa: S608  # parts of ours
# By its target alone: neither now, nor when rows of the Go service get their digests.
_NOT_FOUND = "target_digest = NULL, digest_due = false"
_OWNER_DISABLES = """
    disabled_at = coalesce(disabled_at, now()),
    owner_disabled_at = CASE WHEN locked_because IS NOT NULL
        THEN coalesce(owner_disabled_at, now()) END
"""
"""Also under a lock of shortener-admin, which ends without ending this (moderation.py)."""
_SET = """
    WITH urls AS (
        UPDATE urls SET {assigned}
        WHERE id = %(code)s AND user_id = %(owner)s AND {within} AND {condition}
            AND (%(revisions)s::bigint[] IS NULL
                OR coalesce(revision, 0) = ANY (%(revisions)s::bigint[]))
        RETURNING urls.*
    )
    SELECT {columns} FROM urls LEFT JOIN link_counts AS counts ON counts.code = urls.id
"""
_DISABLE = Statement(
    _SET.format(
        assigned=f"{_OWNER_DISABLES}, {_NOT_FOUND}",
        condition="deleted_at IS NULL",
        columns=MANAGED,
        within=WITHIN,
    )
)
_ENABLE = Statement(
    _SET.format(
        assigned="disabled_at = NULL, deleted_at = NULL",
        condition="locked_because IS NULL",
        columns=MANAGED,
        within=WITHIN,
    )
)
_DELETE = Statement(
    _SET.format(
        assigned=f"deleted_at = coalesce(deleted_at, now()), {_NOT_FOUND}",
        condition="true",
        columns=MANAGED,
        within=WITHIN,
    )
)
_SELECT_NOTED = Statement(
    "SELECT code FROM idempotent_links WHERE request = %(request)s AND place = %(place)s"
)


Revisions = Collection[int] | None
"""At which of these a link must be to be changed; None: at any."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which link of which repeatable request one is (`idempotency_keys`)."""

    request: int
    number: int


class ManagedLinkTable:
    """Read and write links with more than a target."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(
        self, code: str, fields: Fields, owner: UUID | None, place: Place | None = None
    ) -> bool:
        """Insert a link; return False if the code is taken.

        InvalidToken: the owner does not exist, or no longer. TargetTaken, InvalidUrl: the Go
        service's constraint, while it is there.
        """
        statement = _INSERT_ANONYMOUS if owner is None else _INSERT_OWNED
        values = {
            **_values(code, fields, owner, before=()),
            "request": place and place.request,
            "place": place and place.number,
        }
        # Repeated though it was done, it finds its own link: whoever asked has to look.
        rows = self._write(statement, values, repeatable=True)
        known, inserted = rows[0]
        if not known:
            raise InvalidToken(TokenFault.USER_GONE)
        return bool(inserted)

    def made_before(self, place: Place) -> str | None:
        """Return the code of the link that the same request made when it was sent before."""
        values = {"request": place.request, "place": place.number}
        rows = self._database.rows(_SELECT_NOTED, values, repeatable=True)
        return rows[0][0] if rows else None

    def owned(self, code: str, owner: UUID | None, within: str | None = None) -> ManagedLink | None:
        """Return a link of this owner, or of nobody; None also for one without the tag `within`."""
        values = {"code": code, "owner": owner, "within": _limit(within)}
        rows = self._database.rows(_SELECT, values, repeatable=True)
        return managed_from(rows[0]) if rows else None

    def update(self, seen: ManagedLink, fields: Fields, owner: UUID, *, findable: bool) -> bool:
        """Change a link as it was seen; False if it is no longer so.

        `findable`: by its target, if it was before. Errors as `insert`.
        """
        values = {
            **_values(seen.code, fields, owner, before=seen.tags),
            "revision": seen.terms.revision,
            "seen_keys": [tag_key(name) for name in seen.tags],
            "findable": findable,
        }
        return bool(self._write(_UPDATE, values, repeatable=True))

    def disable(
        self, code: str, owner: UUID, revisions: Revisions, within: str | None = None
    ) -> ManagedLink | None:
        """Disable.

        None for what is not there, not the owner's, without the tag `within`, deleted, or at other
        revisions.
        """
        return self._set(_DISABLE, code, owner, revisions, within)

    def enable(
        self, code: str, owner: UUID, revisions: Revisions, within: str | None = None
    ) -> ManagedLink | None:
        """Enable, and undo a deletion; None as `disable`, and for a link that is locked."""
        return self._set(_ENABLE, code, owner, revisions, within)

    def delete(
        self, code: str, owner: UUID, revisions: Revisions, within: str | None = None
    ) -> ManagedLink | None:
        """Delete; its row stays, so that the code is never given out again. None as `disable`."""
        return self._set(_DELETE, code, owner, revisions, within)

    def _set(
        self,
        statement: Statement,
        code: str,
        owner: UUID,
        revisions: Revisions,
        within: str | None,
    ) -> ManagedLink | None:
        among = None if revisions is None else list(revisions)
        values = {"code": code, "owner": owner, "revisions": among, "within": _limit(within)}
        rows = self._database.rows(statement, values, repeatable=True)
        return managed_from(rows[0]) if rows else None

    def _write(
        self, statement: Statement, values: dict[str, object], *, repeatable: bool
    ) -> list[Row]:
        try:
            return self._database.rows(statement, values, repeatable=repeatable)
        except psycopg.errors.ForeignKeyViolation:
            raise InvalidToken(TokenFault.USER_GONE) from None
        except psycopg.errors.UniqueViolation:
            raise TargetTaken from None
        except psycopg.errors.ProgramLimitExceeded:
            raise InvalidUrl("the URL is too long for the service before this one") from None


def _limit(within: str | None) -> str | None:
    return None if within is None else tag_key(within)


def _values(
    code: str, fields: Fields, owner: UUID | None, *, before: tuple[str, ...]
) -> dict[str, Any]:
    tags = {tag_key(name): name for name in fields.tags}
    locked = {tag_key(name): name for name in before} | tags
    return {
        "code": code,
        "owner": owner,
        "url": fields.target,
        "title": fields.title,
        "keys": list(tags),
        "names": list(tags.values()),
        "locked_keys": list(locked),
        "locked_names": list(locked.values()),
        "starts_at": fields.starts_at,
        "expires_at": fields.expires_at,
        "max_visits": fields.max_visits,
        "redirect_status": fields.redirect_status,
        "forward_query": fields.forward_query,
        "rules": msgspec.json.encode(fields.rules).decode() if fields.rules else None,
    }
