"""Links of an owner, page by page in the order of their codes, with all that is known of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from app.fields import tag_key
from app.model.transfers import Record
from app.states import state_of
from app.storage.connections import Row
from app.storage.database import Database
from app.storage.link_rows import MANAGED, managed_from
from app.storage.statements import Statement

PAGE = 500
"""Links of a page."""
PAGE_BYTES = 512 * 1024
"""Bytes of targets and rules of a page; a link that is larger alone is a page."""
COUNTED = 10_000
"""Links that are counted; how many there are beyond that, the planner estimates."""

_MORE = (
    "urls.used_visits, urls.exhausted_at, urls.disabled_at, urls.deleted_at,"
    " urls.target_digest IS NOT NULL OR coalesce(urls.digest_due, false)"
)
_MORE_WIDTH = 5
_WEIGHT = "octet_length(urls.original_url) + coalesce(octet_length(urls.rules::text), 0)"
_OF_OWNER = "FROM urls WHERE urls.user_id = %(owner)s AND urls.id > %(after)s ORDER BY urls.id"
_OF_TAG = """
    FROM link_tags JOIN urls ON urls.id = link_tags.code
    WHERE link_tags.tag_id = %(tag)s AND link_tags.code > %(after)s AND urls.user_id = %(owner)s
    ORDER BY link_tags.code
"""


def _page(rows: str) -> Statement:
    text = f"""
        WITH page AS MATERIALIZED (
            SELECT urls.id AS code, {_WEIGHT} AS weight {rows} LIMIT {PAGE}
        ), weighed AS (
            SELECT code, sum(weight) OVER so_far AS weight, row_number() OVER so_far AS place
            FROM page WINDOW so_far AS (ORDER BY code ROWS UNBOUNDED PRECEDING)
        )
        SELECT {MANAGED}, {_MORE}
        FROM weighed JOIN urls ON urls.id = weighed.code
        LEFT JOIN link_counts AS counts ON counts.code = urls.id
        WHERE weighed.place = 1 OR weighed.weight <= {PAGE_BYTES}
        ORDER BY weighed.place
    """  # noqa: S608  # parts of ours
    return Statement(text, prepared=False)


_PAGE_OF_OWNER = _page(_OF_OWNER)
_PAGE_OF_TAG = _page(_OF_TAG)
_TAG = Statement("SELECT id, links FROM tags WHERE user_id = %(owner)s AND key = %(key)s")
_COUNT = Statement(f"""
    SELECT count(*) FROM (
        SELECT FROM urls WHERE user_id = %(owner)s AND id > %(after)s LIMIT {COUNTED}
    ) AS counted
""")  # noqa: S608  # a number of ours
_ESTIMATE = Statement(
    "EXPLAIN (FORMAT JSON) SELECT FROM urls WHERE user_id = %(owner)s AND id > %(after)s"
)


class ExportTable:
    """Read links to be exported; nothing is held between two pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tag(self, owner: UUID, name: str) -> tuple[int, int] | None:
        """Return a tag's number and how many links have it, None if the owner has no such tag."""
        rows = self._rows(_TAG, owner=owner, key=tag_key(name))
        return (rows[0][0], rows[0][1]) if rows else None

    def page(self, owner: UUID, after: str, tag: int | None) -> list[Record]:
        """Return the links behind a code, at least one if there are any."""
        statement = _PAGE_OF_OWNER if tag is None else _PAGE_OF_TAG
        now = datetime.now(UTC)
        rows = self._rows(statement, owner=owner, after=after, tag=tag)
        return [_record(row, now) for row in rows]

    def count(self, owner: UUID, after: str) -> int:
        """Return how many links there are behind a code: exactly up to 10,000, else about."""
        rows = self._rows(_COUNT, owner=owner, after=after)
        counted: int = rows[0][0]
        if counted < COUNTED:
            return counted
        plan = self._rows(_ESTIMATE, owner=owner, after=after)[0][0]
        return max(counted, int(_decoded(plan)[0]["Plan"]["Plan Rows"]))

    def _rows(self, statement: Statement, **values: object) -> list[Row]:
        return self._database.rows(statement, values, repeatable=True)


def _decoded(plan: Any) -> Any:
    return msgspec.json.decode(plan) if isinstance(plan, (str, bytes)) else plan


def _record(row: Row, now: datetime) -> Record:
    link, terms = managed_from(row), managed_from(row).terms
    used_visits, exhausted_at, disabled_at, deleted_at, findable = row[-_MORE_WIDTH:]
    return Record(
        code=link.code,
        url=terms.target,
        title=link.title,
        tags=list(link.tags),
        state=state_of(terms, now),
        starts_at=_moment(terms.starts_at),
        expires_at=_moment(terms.expires_at),
        max_visits=terms.max_visits,
        used_visits=used_visits,
        redirect_status=terms.redirect_status,
        forward_query=terms.forward_query,
        rules=list(terms.rules),
        findable=findable,
        created_at=_moment(link.created_at),
        changed_at=_moment(link.changed_at),
        exhausted_at=_moment(exhausted_at),
        disabled_at=_moment(disabled_at),
        deleted_at=_moment(deleted_at),
        visits=link.visits,
        visitors=link.visitors,
        bots=link.bots,
        last_visit_at=_moment(link.last_visit_at),
    )


def _moment(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return (
        (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
        .astimezone(UTC)
        .isoformat()
    )
