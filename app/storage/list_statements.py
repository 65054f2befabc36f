"""Statements that read one page of an owner's links, along an index or among a chosen few.

A *segment* is a part of a sorted list that one index has in its order: the links with a sort key,
and those without one, which come last in a descending list and first in an ascending one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from app.model.managed_links import State
from app.storage.link_rows import MANAGED
from app.storage.statements import Statement

MOST_BYTES = 2 << 20
"""Bytes of targets and rules on one page; a link that is larger alone is a page."""

_COUNTED = "LEFT JOIN link_counts AS counts ON counts.code = urls.id"
_RUNS = (
    "urls.deleted_at IS NULL AND urls.disabled_at IS NULL"
    " AND (urls.expires_at IS NULL OR urls.expires_at > now())"
)
STATES = {
    None: "urls.deleted_at IS NULL",
    State.ACTIVE: f"{_RUNS} AND urls.exhausted_at IS NULL"
    " AND (urls.starts_at IS NULL OR urls.starts_at <= now())",
    State.SCHEDULED: f"{_RUNS} AND urls.exhausted_at IS NULL AND urls.starts_at > now()",
    State.EXHAUSTED: f"{_RUNS} AND urls.exhausted_at IS NOT NULL",
    State.EXPIRED: "urls.deleted_at IS NULL AND urls.disabled_at IS NULL"
    " AND urls.expires_at <= now()",
    State.DISABLED: "urls.deleted_at IS NULL AND urls.disabled_at IS NOT NULL",
    State.DELETED: "urls.deleted_at IS NOT NULL",
}
"""By state (states.py has the same rule): the condition on a row."""
# Where the links of a state are gathered; each has a partial index of its own.
_SPARSE = {
    State.SCHEDULED: "starts_at IS NOT NULL AND starts_at > now()",
    State.EXHAUSTED: "exhausted_at IS NOT NULL",
    State.EXPIRED: "expires_at IS NOT NULL AND expires_at <= now()",
    State.DISABLED: "disabled_at IS NOT NULL",
    State.DELETED: "deleted_at IS NOT NULL",
}
_TAGGED = "urls.tag_ids @> ARRAY[%(tag)s::bigint]"
_WITHIN = "urls.tag_ids @> ARRAY[%(within)s::bigint]"
_FOUND = (
    "(link_search_text(urls.id, urls.title, urls.original_url) LIKE lower(%(pattern)s::text)"
    " OR urls.tag_ids && %(found_tags)s::bigint[])"
)


@dataclass(frozen=True, slots=True)
class Order:
    """A sort: its key, where it is found, and which links have one."""

    key: str
    kind: str
    keyed: str | None
    """FROM and WHERE of the links with a key; None where the code alone is the order."""
    unkeyed: str
    """Condition of a link without a key: looked at row by row, or the walk along the others, which
    may be a million, would have no end."""


_OWN = "urls.user_id = %(owner)s"
_ALL = f"FROM urls WHERE {_OWN}"
# A subquery for each row, not a join: that could be a merge, which begins at the first code, or one
# of all of an owner's links with all of an owner's counts, where few are expected.
_COUNT = "(SELECT {} FROM link_counts AS counts WHERE counts.code = urls.id) IS NULL"
_FROM_COUNTS = (
    "FROM link_counts AS counts"
    " CROSS JOIN LATERAL (SELECT * FROM urls WHERE id = counts.code LIMIT 1) AS urls"
    " WHERE counts.user_id = %(owner)s AND urls.user_id = %(owner)s"
)
ORDERS = {
    "created_at": Order(
        "urls.created_at",
        "timestamp",
        f"{_ALL} AND urls.created_at IS NOT NULL",
        "urls.created_at IS NULL",
    ),
    "visits": Order("counts.visits", "bigint", _FROM_COUNTS, _COUNT.format("counts.code")),
    "last_visit_at": Order(
        "counts.last_visit_at",
        "timestamptz",
        f"{_FROM_COUNTS} AND counts.last_visit_at IS NOT NULL",
        _COUNT.format("counts.last_visit_at"),
    ),
    "code": Order("NULL::text", "text", None, "true"),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything about a page by which its statement differs."""

    sort: str
    descending: bool
    state: State | None
    tag: bool
    search: bool
    within: bool = False

    @property
    def conditions(self) -> str:
        """What a link must be to be on the list."""
        parts = [STATES[self.state]]
        if self.tag:
            parts.append(_TAGGED)
        if self.within:
            parts.append(_WITHIN)
        if self.search:
            parts.append(_FOUND)
        return " AND ".join(parts)


@lru_cache(maxsize=1024)
def walk(shape: Shape, *, keyed: bool, placed: bool) -> Statement:
    """Return what reads a page along the index of a segment, `%(walk)s` rows at most.

    `placed`: behind the position `%(key)s`, `%(code)s`.
    """
    rows = _segment(shape, keyed=keyed, placed=placed)
    # What a row says of itself comes first: whether a link has a count is another look-up.
    listed = shape.conditions if keyed else f"{shape.conditions} AND {ORDERS[shape.sort].unkeyed}"
    return Statement(
        f"""
        WITH page AS (
            SELECT code, key FROM (
                SELECT urls.id AS code, {_key(shape, keyed)} AS key, {listed} AS listed
                {rows} LIMIT %(walk)s
            ) AS walked
            WHERE listed
            LIMIT %(limit)s
        )
        {_listed(shape)}
    """,  # noqa: S608  # parts of ours
        prepared=False,
    )


@lru_cache(maxsize=64)
def end_of_walk(sort: str, *, descending: bool, keyed: bool, placed: bool) -> Statement:
    """Return what tells where a walk ended, no row if it came to the end of the segment."""
    shape = Shape(sort, descending, None, tag=False, search=False)
    rows = _segment(shape, keyed=keyed, placed=placed)
    return Statement(
        f"SELECT {_key(shape, keyed)}, urls.id {rows} OFFSET %(walk)s - 1 LIMIT 1",
        prepared=False,
    )


@lru_cache(maxsize=1024)
def choose(shape: Shape, *, placed: str) -> Statement:
    """Return what sorts `%(codes)s` and reads a page of them, each by its own look-up.

    `placed`: behind a position with a key (`keyed`), without (`unkeyed`), or from the start.
    """
    order = ORDERS[shape.sort]
    after = _after_chosen(order, shape, placed)
    direction = "DESC NULLS LAST" if shape.descending else "ASC NULLS FIRST"
    return Statement(
        f"""
        WITH chosen AS MATERIALIZED (
            SELECT urls.id AS code, {order.key} AS key
            FROM unnest(%(codes)s::varchar[]) AS wanted (code)
            CROSS JOIN LATERAL (SELECT * FROM urls WHERE id = wanted.code LIMIT 1) AS urls
            LEFT JOIN LATERAL (
                SELECT * FROM link_counts WHERE link_counts.code = urls.id LIMIT 1
            ) AS counts ON true
            WHERE {_OWN} AND {shape.conditions}
        ), page AS (
            SELECT code, key FROM chosen WHERE {after}
            ORDER BY key {direction}, code {direction.split(maxsplit=1)[0]}
            LIMIT %(limit)s
        )
        {_listed(shape)}
    """,  # noqa: S608  # parts of ours
        prepared=False,
    )


def gather_tag() -> Statement:
    """Return what gathers the codes of the links with a tag."""
    return _GATHER_TAG


def gather_state(state: State) -> Statement | None:
    """Return what gathers the codes of the links in a state, None where they are too many."""
    return _GATHER_STATES.get(state)


_GATHER_TAG = Statement("SELECT code FROM link_tags WHERE tag_id = %(tag)s LIMIT %(most)s")
_GATHER_STATES = {
    state: Statement(
        f"SELECT id FROM urls WHERE user_id = %(owner)s AND {where} LIMIT %(most)s",  # noqa: S608  # parts of ours
        prepared=False,
    )
    for state, where in _SPARSE.items()
}
GATHER_TEXT = Statement(
    "SELECT code FROM links_with_text(%(owner)s::uuid, lower(%(pattern)s::text), %(most)s) AS code"
    " UNION SELECT code FROM link_tags WHERE tag_id = ANY (%(found_tags)s::bigint[])"
    " LIMIT %(most)s"
)
HAS_TRIGRAMS = Statement("SELECT to_regprocedure('links_with_text(uuid,text,integer)') IS NOT NULL")


def _key(shape: Shape, keyed: bool) -> str:
    order = ORDERS[shape.sort]
    return order.key if keyed else f"NULL::{order.kind}"


def _segment(shape: Shape, *, keyed: bool, placed: bool) -> str:
    order = ORDERS[shape.sort]
    direction, sign = ("DESC", "<") if shape.descending else ("ASC", ">")
    # As the index over created_at has it, also where there is none.
    nulls = " NULLS LAST" if shape.descending else " NULLS FIRST"
    newest = f"urls.created_at {direction}{nulls}, urls.id {direction}"
    code = _code(shape)
    if keyed and order.keyed is not None:
        rows = order.keyed
        after = f"({order.key}, {code}) {sign} (%(key)s::{order.kind}, %(code)s)"
        by = f"{order.key} {direction}, {code} {direction}"
    else:
        rows, after, by = _ALL, f"urls.id {sign} %(code)s", f"urls.id {direction}"
        if shape.sort == "created_at":
            # These the index does have together.
            rows = f"{_ALL} AND {order.unkeyed}"
    by = newest if shape.sort == "created_at" else by
    return f"{rows}{f' AND {after}' if placed else ''} ORDER BY {by}"


def _code(shape: Shape) -> str:
    return "urls.id" if shape.sort in {"created_at", "code"} else "counts.code"


def _after_chosen(order: Order, shape: Shape, placed: str) -> str:
    sign = "<" if shape.descending else ">"
    nulls_follow = shape.descending
    if placed == "keyed":
        key = f"(key {sign} %(key)s::{order.kind} OR (key = %(key)s AND code {sign} %(code)s)"
        return f"{key} OR key IS NULL)" if nulls_follow else f"{key})"
    if placed == "unkeyed":
        null = f"(key IS NULL AND code {sign} %(code)s)"
        return null if nulls_follow else f"({null} OR key IS NOT NULL)"
    return "true"


def _listed(shape: Shape) -> str:
    direction = "DESC" if shape.descending else "ASC"
    nulls = "LAST" if shape.descending else "FIRST"
    return f"""
        SELECT (SELECT count(*) FROM page), listed.* FROM (
            SELECT page.key, {MANAGED},
                sum(least(octet_length(urls.original_url), 1048576)
                    + coalesce(octet_length(urls.rules::text), 0)) OVER in_order AS bytes,
                row_number() OVER in_order AS place
            FROM page JOIN urls ON urls.id = page.code {_COUNTED}
            WINDOW in_order AS (
                ORDER BY page.key {direction} NULLS {nulls}, page.code {direction}
                ROWS UNBOUNDED PRECEDING
            )
        ) AS listed
        WHERE bytes <= {MOST_BYTES} OR place = 1
        ORDER BY place
    """  # noqa: S608  # parts of ours
