"""The table of links."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

import psycopg

from app.fields import tag_key
from app.model.errors import InvalidToken, InvalidUrl, TargetTaken, TokenFault
from app.model.links import Known, Link, LinkList, NoLink
from app.storage.database import Database
from app.storage.link_rows import TERMS, known_from
from app.storage.statements import Statement
from app.targets import Target

log = logging.getLogger(__name__)

_TOO_LONG_TO_SHARE = (
    "the URL is longer than about 2,700 characters, the most that is taken until the service"
    " before this one is retired"
)
# A link that leads elsewhere, or nowhere, must not be given to who asks for its target alone.
_PLAIN = """
    LATERAL (
        SELECT num_nonnulls(starts_at, expires_at, max_visits, redirect_status, forward_query,
            rules, disabled_at, deleted_at) = 0 AS plain
        FROM urls WHERE urls.id = shared.id
    ) AS kind
"""
# One round trip: insert, or else give the code that the same owner already has. When another
# transaction has just inserted the same target, its row conflicts but is not yet visible, and
# no row comes back; neither does one when the code is taken.
# `shared_link` (app/storage/phase.py) is empty but on a database that the Go service writes to as
# well: there it has the link that must be given because a second one for the target cannot be.
# `digest_due` is named because its default there is for the Go service's rows.
_INSERT_ANONYMOUS = Statement(f"""
    WITH shared AS (
        SELECT id FROM shared_link(%(url)s, %(digest)s, NULL)
    ), inserted AS (
        INSERT INTO urls (id, original_url, target_digest, digest_due, created_at)
        SELECT %(code)s, %(url)s, %(digest)s, false, timezone('utc', now())
        WHERE NOT EXISTS (SELECT FROM shared)
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT id, true FROM inserted
    UNION ALL
    SELECT id, false FROM urls
    WHERE target_digest = %(digest)s AND user_id IS NULL AND NOT EXISTS (SELECT FROM inserted)
    UNION ALL
    SELECT shared.id, CASE WHEN plain THEN false END FROM shared, {_PLAIN}
    LIMIT 1
""")  # noqa: S608  # parts of ours
# A token outlives its user: for one who is gone the row has no code.
_INSERT_OWNED = Statement(f"""
    WITH owner AS (
        SELECT id FROM users WHERE id = %(owner)s AND deleted_at IS NULL
    ), shared AS (
        SELECT id FROM shared_link(%(url)s, %(digest)s, %(owner)s)
    ), inserted AS (
        INSERT INTO urls (id, original_url, user_id, target_digest, digest_due, created_at)
        SELECT %(code)s, %(url)s, owner.id, %(digest)s, false, timezone('utc', now()) FROM owner
        WHERE NOT EXISTS (SELECT FROM shared)
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT id, true FROM inserted
    UNION ALL
    SELECT urls.id, false FROM urls JOIN owner ON urls.user_id = owner.id
    WHERE urls.target_digest = %(digest)s AND NOT EXISTS (SELECT FROM inserted)
    UNION ALL
    SELECT NULL, false WHERE NOT EXISTS (SELECT FROM owner)
    UNION ALL
    SELECT shared.id, CASE WHEN plain THEN false END FROM shared, {_PLAIN}
    LIMIT 1
""")  # noqa: S608  # parts of ours
_SELECT_KNOWN = Statement(f"SELECT {TERMS} FROM urls WHERE id = %(code)s")  # noqa: S608  # ours
_DESCRIBE = Statement("SELECT title, created_at FROM urls WHERE id = %(code)s")
# One of a limited number of visits: counted and compared in one statement, whoever else asks.
_USE_VISIT = Statement("""
    UPDATE urls
    SET used_visits = coalesce(used_visits, 0) + 1,
        exhausted_at = CASE WHEN coalesce(used_visits, 0) + 1 >= max_visits THEN now() END
    WHERE id = %(code)s AND coalesce(used_visits, 0) < max_visits
        AND deleted_at IS NULL AND disabled_at IS NULL
        AND (starts_at IS NULL OR starts_at <= now()) AND (expires_at IS NULL OR expires_at > now())
    RETURNING revision, exhausted_at IS NOT NULL
""")
# No row for a user who is gone, one row without a code for a user without links. Of the links that
# are too many bytes the target stays in the database: 10,000 of 8,192 characters are 80 MiB, and
# several times as much in a worker. 64 is what JSON adds to each (names, quotes, the date).


def _listed(newest: str) -> Statement:
    """Return a list of links, cut in the database; `newest` reads those of one user, bounded."""
    return Statement(f"""
        SELECT links.id, CASE WHEN links.bytes <= %(bytes)s THEN links.original_url END,
            links.created_at
        FROM users LEFT JOIN LATERAL (
            SELECT id, created_at,
                CASE WHEN octet_length(original_url) <= %(longest)s THEN original_url END
                    AS original_url,
                sum(64 + octet_length(id) + octet_length(original_url))
                    FILTER (WHERE octet_length(original_url) <= %(longest)s)
                    OVER (ORDER BY created_at DESC NULLS LAST, id DESC ROWS UNBOUNDED PRECEDING)
                    AS bytes
            FROM ({newest}) AS newest
        ) AS links ON true
        WHERE users.id = %(owner)s AND users.deleted_at IS NULL
        ORDER BY links.created_at DESC NULLS LAST, links.id DESC
    """)  # noqa: S608  # parts of ours alone


_SELECT_OWNED = _listed("""
    SELECT id, original_url, created_at FROM urls
    WHERE user_id = users.id AND deleted_at IS NULL
    ORDER BY created_at DESC NULLS LAST, id DESC
    LIMIT %(limit)s
""")
# Of the links with one tag. They are sorted: an index knows the links of a tag, none their age.
_SELECT_TAGGED = _listed("""
    SELECT urls.id, urls.original_url, urls.created_at
    FROM tags
    JOIN link_tags ON link_tags.tag_id = tags.id
    JOIN urls ON urls.id = link_tags.code
    WHERE tags.user_id = users.id AND tags.key = %(within)s
        AND urls.user_id = users.id AND urls.deleted_at IS NULL
    ORDER BY urls.created_at DESC NULLS LAST, urls.id DESC
    LIMIT %(limit)s
""")
LONGEST_TARGET = 1 << 20
"""Bytes of a stored target that is read: the Go service took any length."""
MOST_BYTES = 2 << 20
"""Bytes of one list, as JSON will have it."""


class LinkTable:
    """Read and write links."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, code: str, target: Target, owner: UUID | None) -> tuple[str, bool] | None:
        """Return the target's code for this owner and whether it is new.

        None: the code is taken, or the same target is just being inserted; try again with
        another code. InvalidToken: the owner does not exist, or no longer. InvalidUrl: the target
        is longer than the Go service's constraint takes, while that is there. TargetTaken: the only
        link that could be given, while that is there, is a managed one.
        """
        statement = _INSERT_ANONYMOUS if owner is None else _INSERT_OWNED
        values = {"code": code, "url": target.url, "owner": owner, "digest": target.digest}
        try:
            rows = self._database.rows(statement, values, repeatable=True)
        except psycopg.errors.ForeignKeyViolation:
            raise InvalidToken(TokenFault.USER_GONE) from None
        except psycopg.errors.ProgramLimitExceeded:
            raise InvalidUrl(_TOO_LONG_TO_SHARE) from None
        if not rows:
            return None
        found, new = rows[0]
        if found is None:
            raise InvalidToken(TokenFault.USER_GONE)
        if new is None:
            raise TargetTaken
        return found, new

    def known(self, code: str) -> Known:
        """Return what a visit of this code depends on; nothing for a target over a mebibyte."""
        rows = self._database.rows(_SELECT_KNOWN, {"code": code}, repeatable=True)
        if not rows:
            return NoLink()
        if rows[0][0] is None:
            log.warning("A stored target is too long to be sent: %s", code)
            return NoLink()
        return known_from(rows[0])

    def described(self, code: str) -> tuple[str | None, datetime | None]:
        """Return a link's title and when it was made, as far as that was noted."""
        rows = self._database.rows(_DESCRIBE, {"code": code}, repeatable=True)
        return (rows[0][0], rows[0][1]) if rows else (None, None)

    def use_visit(self, code: str) -> tuple[int, bool] | None:
        """Use up one of a link's visits; return its revision and whether it was the last.

        None: there is none left, or the link is not limited, or not active. The statement is never
        repeated: a visit whose answer was lost stays used up.
        """
        rows = self._database.rows(_USE_VISIT, {"code": code}, repeatable=False)
        return (rows[0][0] or 0, rows[0][1]) if rows else None

    def owned_by(
        self,
        owner: UUID,
        limit: int,
        most_bytes: int = MOST_BYTES,
        within: str | None = None,
    ) -> LinkList:
        """Return an owner's links, the newest first, at most `limit` and so many bytes.

        Only those `within` a tag, if one is given. InvalidToken: the owner does not exist, or no
        longer.
        """
        values = {
            "owner": owner,
            "within": None if within is None else tag_key(within),
            "limit": limit + 1,  # one more tells that there are more
            "bytes": most_bytes,
            "longest": LONGEST_TARGET,
        }
        statement = _SELECT_OWNED if within is None else _SELECT_TAGGED
        rows = self._database.rows(statement, values, repeatable=True)
        if not rows:
            raise InvalidToken(TokenFault.USER_GONE)
        links = tuple(
            Link(code, target, created_at)
            for code, target, created_at in rows[:limit]
            if target is not None
        )
        there_are = sum(row[0] is not None for row in rows)
        return LinkList(links, truncated=len(links) < there_are)
