"""An owner's links by the page; what any page costs is bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.model.managed_links import ManagedLink, Position, State
from app.storage import list_statements as statements
from app.storage.connections import Row
from app.storage.database import Database
from app.storage.link_rows import managed_from
from app.storage.list_statements import Shape
from app.storage.statements import Statement
from app.storage.tags import NumberedTag

FIRST_WALK = 2_000
LONGEST_WALK = 20_000
"""Rows that are read along an index for one page."""
MOST_GATHERED = 5_000
"""Links that are sorted for one page."""
# Without three letters or digits in a row there is nothing to look up, and the index would be read
# from one end of the owner's links to the other. What else is a letter the server's locale says.
_TRIGRAM = re.compile("[A-Za-z0-9]{3}")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list holds and how it is sorted."""

    sort: str
    descending: bool
    state: State | None = None
    tag: NumberedTag | None = None
    pattern: str | None = None
    """Of LIKE, in any case."""
    within: NumberedTag | None = None
    """Another tag that links must have, with no fewer of them."""
    found_tags: tuple[int, ...] = ()
    """Tags whose name matches the pattern."""

    @property
    def shape(self) -> Shape:
        """What the statement depends on."""
        return Shape(
            self.sort,
            self.descending,
            self.state,
            tag=self.tag is not None,
            search=self.pattern is not None,
            within=self.within is not None,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the links of a list, and where the next page begins, None at the end."""

    links: tuple[ManagedLink, ...]
    next: Position | None


class LinkLists:
    """Read pages."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._has_trigrams: bool | None = None

    def page(self, owner: UUID, listing: Listing, after: Position | None, limit: int) -> Page:
        """Return at most `limit` links behind a position.

        A page may hold fewer and still have a next one: when few links match, the reading ends
        after a fixed number of rows.
        """
        reader = _Reader(self._database, owner, listing, limit)
        codes = reader.gather()
        if codes is None and listing.pattern is not None:
            page = reader.walk(after, FIRST_WALK)
            if page.next is None or len(page.links) == limit:
                return page
            if _TRIGRAM.search(listing.pattern) and self._trigrams():
                codes = reader.gather_text()
        if codes is not None and len(codes) <= MOST_GATHERED:
            return reader.choose(codes, after)
        return reader.walk(after, LONGEST_WALK)

    def _trigrams(self) -> bool:
        if self._has_trigrams is None:
            rows = self._database.rows(statements.HAS_TRIGRAMS, {}, repeatable=True)
            self._has_trigrams = bool(rows[0][0])
        return self._has_trigrams


class _Reader:
    """Reads one page."""

    def __init__(self, database: Database, owner: UUID, listing: Listing, limit: int) -> None:
        self._database = database
        self._listing = listing
        self._limit = limit
        self._values: dict[str, Any] = {
            "owner": owner,
            "tag": listing.tag and listing.tag.number,
            "within": listing.within and listing.within.number,
            "pattern": listing.pattern,
            "found_tags": list(listing.found_tags),
            "most": MOST_GATHERED + 1,
        }

    def gather(self) -> list[str] | None:
        """Return the codes of the links that match, too many or all of them; None: no index."""
        statement, tag, state = None, self._listing.tag, self._listing.state
        # Deleted links have left the index of their tags, and the number of its links.
        if tag is not None and tag.links <= MOST_GATHERED and state is not State.DELETED:
            statement = statements.gather_tag()
        elif state is not None:
            statement = statements.gather_state(state)
        return None if statement is None else self._codes(statement)

    def gather_text(self) -> list[str]:
        """Return the codes of the links that hold the text, too many or all of them."""
        return self._codes(statements.GATHER_TEXT)

    def choose(self, codes: list[str], after: Position | None) -> Page:
        """Return the page of these links."""
        placed = "" if after is None else "unkeyed" if after.key is None else "keyed"
        statement = statements.choose(self._listing.shape, placed=placed)
        rows = self._rows(statement, after, codes=codes, limit=self._limit + 1)
        found = _found(rows)
        return self._page(found, rows) or Page(_links(found), None)

    def walk(self, after: Position | None, budget: int) -> Page:
        """Return the page that is found along the index within `budget` rows."""
        found: list[_Found] = []
        for keyed in self._segments(after):
            wanted = self._limit + 1 - len(found)
            statement = statements.walk(self._listing.shape, keyed=keyed, placed=after is not None)
            rows = self._rows(statement, after, walk=budget, limit=wanted)
            found += _found(rows)
            if (page := self._page(found, rows)) is not None:
                return page
            end = self._end(after, keyed, budget)
            if end is not None:
                return Page(_links(found), end)
            after = None  # the next segment from its start
        return Page(_links(found), None)

    def _segments(self, after: Position | None) -> list[bool]:
        """Return the segments from the position on, whether they have a key."""
        if statements.ORDERS[self._listing.sort].keyed is None:
            return [False]
        order = [True, False] if self._listing.descending else [False, True]
        return order if after is None else order[order.index(after.key is not None) :]

    def _end(self, after: Position | None, keyed: bool, budget: int) -> Position | None:
        statement = statements.end_of_walk(
            self._listing.sort,
            descending=self._listing.descending,
            keyed=keyed,
            placed=after is not None,
        )
        rows = self._rows(statement, after, walk=budget)
        return Position(*rows[0]) if rows else None

    def _page(self, found: list[_Found], rows: list[Row]) -> Page | None:
        """Return the page if it is full, by its links or by the bytes of what was read last."""
        cut = bool(rows) and rows[0][0] > len(rows)
        if not cut and len(found) <= self._limit:
            return None
        kept = found[: self._limit]
        key, last = kept[-1]
        return Page(_links(kept), Position(key, last.code))

    def _codes(self, statement: Statement) -> list[str]:
        return [code for (code,) in self._rows(statement, None)]

    def _rows(self, statement: Statement, after: Position | None, **values: object) -> list[Row]:
        place = {"key": after and after.key, "code": after and after.code}
        given = {**self._values, **place, **values}
        return self._database.rows(statement, given, repeatable=True)


_Found = tuple[Any, ManagedLink]
"""A link behind its sort key."""


def _found(rows: list[Row]) -> list[_Found]:
    return [(row[1], managed_from(row[2:])) for row in rows]


def _links(found: list[_Found]) -> tuple[ManagedLink, ...]:
    return tuple(link for _, link in found)
