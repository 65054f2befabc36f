"""A million links of one owner: a page far behind against the first, with every filter."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from functools import partial

import psycopg

from app.config import Settings
from app.model.managed_links import Position, State
from app.storage.database import Database
from app.storage.link_lists import LinkLists, Listing
from app.storage.list_statements import ORDERS, STATES
from app.storage.tags import NumberedTag
from bench.links import fill, owner, progress_bar
from bench.stores import Stores
from bench.table import Row, judged

LINKS = 1_000_000
LIMIT = 20
_OWNER = owner(0)
_ROUNDS = 4
_PAGES = 100
"""Of 20 links each, in a row, at most half of a list: where one link of five matches, a page costs
as much as they are apart just there, and of few pages it would be chance which are dearer."""
_BUDGET = 1.2
_FAR = 0.9
"""How far behind the pages are that are compared, as a part of the list; a short one's are its last
ones."""
_FEW, _SOME, _ALL = NumberedTag(1, 3_000), NumberedTag(2, 50_000), NumberedTag(3, LINKS)

# By a hash: spread over the table as chance would have it, and the same in every run.
_MADE = (
    "UPDATE urls SET user_id = %(owner)s WHERE user_id IS NULL",
    """
    INSERT INTO link_counts (code, user_id, visits, last_visit_at)
    SELECT id, user_id, abs(mod(hashtextextended(id, 1), 997)), created_at + interval '1 day'
    FROM urls WHERE abs(mod(hashtextextended(id, 2), 2)) = 0
    """,
    """
    INSERT INTO tags (user_id, key, name, links)
    SELECT %(owner)s, name, name, 1 FROM unnest(ARRAY['few', 'some', 'all']) AS name
    """,
    """
    UPDATE urls SET
        tag_ids = CASE WHEN abs(mod(hashtextextended(id, 3), 333)) = 7 THEN ARRAY[1, 3]::bigint[]
            WHEN abs(mod(hashtextextended(id, 4), 20)) = 8 THEN ARRAY[2, 3]::bigint[]
            ELSE ARRAY[3]::bigint[] END,
        disabled_at = CASE WHEN abs(mod(hashtextextended(id, 5), 1000)) = 9 THEN now() END,
        expires_at = CASE WHEN abs(mod(hashtextextended(id, 6), 50)) = 10
            THEN now() - interval '1 day' END
    """,
    "INSERT INTO link_tags (tag_id, code) SELECT unnest(tag_ids), id FROM urls",
)
_FILTERS: dict[str, tuple[Callable[..., Listing], str]] = {
    "all": (Listing, STATES[None]),
    "active": (partial(Listing, state=State.ACTIVE), STATES[State.ACTIVE]),
    "disabled (1,000)": (partial(Listing, state=State.DISABLED), STATES[State.DISABLED]),
    "expired (20,000)": (partial(Listing, state=State.EXPIRED), STATES[State.EXPIRED]),
    "a tag (3,000)": (partial(Listing, tag=_FEW), "tag_ids @> ARRAY[1::bigint]"),
    "a tag (50,000)": (partial(Listing, tag=_SOME), "tag_ids @> ARRAY[2::bigint]"),
    "a tag (all)": (partial(Listing, tag=_ALL), "tag_ids @> ARRAY[3::bigint]"),
    "search (200,000)": (partial(Listing, pattern="%/watch/%"), "original_url LIKE '%%/watch/%%'"),
}


def rows(made: Stores, links: int = LINKS) -> list[Row]:
    """Return a row for each filter: the sort whose far page costs most against the first ones.

    Of the first pages of a sort's two directions the dearer one counts.
    """
    name = "lists"
    made.create_database(name)
    with made.postgresql.connect(name) as connection:
        _fill(connection, links)
        settings = Settings.from_env(made.environment(name))
        database = Database(settings.postgres, concurrent=3)
        database.open()
        try:
            lists = LinkLists(database)
            return [_worst(connection, lists, filtered) for filtered in _FILTERS]
        finally:
            database.close()


def _fill(connection: psycopg.Connection, links: int) -> None:
    began = time.monotonic()
    fill(connection, links, owners=1, progress=progress_bar)
    # What the triggers keep for each link is made at once below.
    connection.execute("ALTER TABLE urls DISABLE TRIGGER USER")
    for statement in _MADE:
        connection.execute(statement.encode(), {"owner": _OWNER})
    connection.execute("ALTER TABLE urls ENABLE TRIGGER USER")
    for table in ("urls", "link_counts", "tags", "link_tags"):
        connection.execute(f"VACUUM (ANALYZE) {table}".encode())
    print(f"  {links:,} links in {time.monotonic() - began:.0f} s", file=sys.stderr)


def _worst(connection: psycopg.Connection, lists: LinkLists, filtered: str) -> Row:
    make, condition = _FILTERS[filtered]
    measured = []
    for sort in ORDERS:
        taken = {}
        for descending in (False, True):
            position, pages = _far(connection, sort, descending, condition)
            listing = make(sort=sort, descending=descending)
            taken[descending] = _compared(lists, listing, position, pages)
        # One direction begins with the links that have the key, the other with those without,
        # which are read otherwise: what is dearer at one's start is it at the other's end.
        first = max(begin for begin, _ in taken.values())
        measured += [
            (far / first, first, far, f"{'-' * descending}{sort}")
            for descending, (_, far) in taken.items()
        ]
    ratio, first, far, sort = max(measured)
    return judged(
        f"A page of a million links: {filtered}, {sort}",
        f"{far * 1e3:.1f} ms, {first * 1e3:.1f} ms",
        ratio,
        _BUDGET,
        ratio=f"{ratio:.2f}×",
        shown=f"{_BUDGET}×",
    )


def _compared(
    lists: LinkLists, listing: Listing, position: Position, pages: int
) -> tuple[float, float]:
    """Return the seconds of a first page and of one far behind, the mean of so many in a row.

    They are asked in turns, page by page, and of each page the best of the rounds counts; how many
    rounds there are does not hang on what they show.
    """
    first, far = [math.inf] * pages, [math.inf] * pages
    for _ in range(_ROUNDS):
        begin, behind = _Walk(lists, listing, None), _Walk(lists, listing, position)
        for page in range(pages):
            first[page] = min(first[page], begin.next_page())
            far[page] = min(far[page], behind.next_page())
    return sum(first) / pages, sum(far) / pages


class _Walk:
    """Reads a list page by page."""

    def __init__(self, lists: LinkLists, listing: Listing, after: Position | None) -> None:
        self._lists = lists
        self._listing = listing
        self._after = after

    def next_page(self) -> float:
        """Return the seconds of the next page, which has to be full."""
        began = time.perf_counter()
        page = self._lists.page(_OWNER, self._listing, self._after, LIMIT)
        seconds = time.perf_counter() - began
        assert len(page.links) == LIMIT
        self._after = page.next
        return seconds


def _far(
    connection: psycopg.Connection, sort: str, descending: bool, condition: str
) -> tuple[Position, int]:
    """Return where most of a list has gone by, found the long way, and how many pages to read."""
    key = ORDERS[sort].key
    direction = "DESC NULLS LAST" if descending else "ASC NULLS FIRST"
    listed = (
        "FROM urls LEFT JOIN link_counts AS counts ON counts.code = urls.id"
        f" WHERE urls.user_id = %(owner)s AND urls.deleted_at IS NULL AND {condition}"
    )
    values: dict[str, object] = {"owner": _OWNER}
    counted = connection.execute(f"SELECT count(*) {listed}".encode(), values).fetchone()
    assert counted is not None
    pages = min(_PAGES, counted[0] // 2 // LIMIT)
    # The position's own link is not on its page, and the last page is not followed by another.
    values["before"] = min(int(counted[0] * _FAR), counted[0] - (pages + 1) * LIMIT)
    found = connection.execute(
        f"SELECT {key}, urls.id {listed} ORDER BY 1 {direction}, 2 {direction.split(maxsplit=1)[0]}"
        " OFFSET %(before)s LIMIT 1".encode(),
        values,
    ).fetchone()
    assert found is not None
    return Position(*found), pages
