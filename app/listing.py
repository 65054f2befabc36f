"""List links and tags: the use cases of their owners."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from app import codes
from app.fields import accept_tag, tag_key
from app.model.callers import Caller
from app.model.errors import Forbidden, InvalidLink, InvalidQuery, TagNotFound
from app.model.managed_links import ManagedLink, Position, State, Tag
from app.storage.link_lists import LinkLists, Listing
from app.storage.tags import TagTable

SORTS = ("created_at", "visits", "last_visit_at", "code")
LONGEST_PAGE = 100
USUAL_PAGE = 20
LONGEST_SEARCH = 256

_LONGEST_CURSOR = 512


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What is asked for, as it was given."""

    search: str | None = None
    tag: str | None = None
    state: str | None = None
    sort: str | None = None
    limit: str | None = None
    cursor: str | None = None


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A position, and of which list; opaque to clients."""

    listing: str
    key: int | datetime | None
    code: str


class Lists:
    """The use cases."""

    def __init__(self, lists: LinkLists, tags: TagTable) -> None:
        self._lists = lists
        self._tags = tags

    def links(self, caller: Caller, query: ListQuery) -> tuple[tuple[ManagedLink, ...], str | None]:
        """Return a page of the caller's links and the cursor of the next, None at the end.

        A page may be shorter than its limit and still have a next one. Errors: InvalidQuery,
        DatabaseUnavailable.
        """
        limit = _limit(query.limit)
        after = None if query.cursor is None else _read(query.cursor, query)
        listing = self._listing(caller, query)
        if listing is None:
            return (), None
        page = self._lists.page(caller.user, listing, after, limit)
        return page.links, None if page.next is None else _written(page.next, query)

    def tags(self, caller: Caller) -> list[Tag]:
        """Return the caller's tags that links have, by name, at most a thousand.

        Whoever is limited to a tag is told of that one.
        """
        if caller.tag is not None:
            return self._tags.named(caller.user, caller.tag)
        return self._tags.owned_by(caller.user)

    def rename_tag(self, caller: Caller, old: str, new: str) -> Tag:
        """Rename a tag for all links that have it.

        Errors: TagNotFound, TagExists, InvalidLink, and Forbidden for whoever is limited to a tag:
        it would take that off, or change links that are none of theirs.
        """
        if caller.tag is not None:
            raise Forbidden("the API key is limited to a tag, and cannot rename tags")
        owner = caller.user
        name = accept_tag(new)
        try:
            tag = self._tags.rename(owner, accept_tag(old), name)
        except InvalidLink:
            tag = None  # no link can have such a tag
        if tag is None:
            raise TagNotFound
        return tag

    def _listing(self, caller: Caller, query: ListQuery) -> Listing | None:
        """Return what to list; None for nothing: no link has that tag."""
        sort = "-created_at" if query.sort is None else query.sort
        name = sort.removeprefix("-")
        if name not in SORTS:
            raise InvalidQuery(f"sort must be one of {', '.join(SORTS)}, with - for descending")
        state = _state(query.state)
        owner = caller.user
        asked = None if query.tag is None else _text("tag", query.tag)
        wanted = {
            tag_key(tag): self._tags.number(owner, tag)
            for tag in (asked, caller.tag)
            if tag is not None
        }
        tags = sorted(
            (tag for tag in wanted.values() if tag is not None), key=lambda tag: tag.links
        )
        if len(tags) < len(wanted):
            return None
        pattern = _pattern(query.search)
        return Listing(
            name,
            sort.startswith("-"),
            state,
            tag=tags[0] if tags else None,
            within=tags[1] if len(tags) > 1 else None,
            pattern=pattern,
            found_tags=self._tags.matching(owner, pattern) if pattern else (),
        )


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_PAGE
    if not text.isascii() or not text.isdecimal() or len(text) > 3:
        raise InvalidQuery(f"limit must be a number from 1 to {LONGEST_PAGE}")
    limit = int(text)
    if not 1 <= limit <= LONGEST_PAGE:
        raise InvalidQuery(f"limit must be a number from 1 to {LONGEST_PAGE}")
    return limit


def _state(text: str | None) -> State | None:
    if text is None:
        return None
    try:
        return State(text)
    except ValueError:
        raise InvalidQuery(f"state must be one of {', '.join(State)}") from None


def _text(name: str, text: str) -> str:
    if len(text) > LONGEST_SEARCH or "\x00" in text or not _is_sendable(text):
        raise InvalidQuery(f"{name} must have at most {LONGEST_SEARCH} characters of text")
    return text.strip()


def _is_sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pattern(search: str | None) -> str | None:
    text = _text("search", search or "")
    if not text:
        return None
    for special in "\\%_":
        text = text.replace(special, "\\" + special)
    return f"%{text}%"


def _fingerprint(query: ListQuery) -> str:
    """Return what two lists of the same links in the same order have in common."""
    parts = (query.search, query.tag, query.state, query.sort)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def _written(position: Position, query: ListQuery) -> str:
    key = position.key
    if isinstance(key, datetime) and key.tzinfo is None:
        key = key.replace(tzinfo=UTC)
    cursor = _Cursor(_fingerprint(query), key, position.code)
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _read(text: str, query: ListQuery) -> Position:
    refused = InvalidQuery("cursor is not one of this list")
    if len(text) > _LONGEST_CURSOR or not text.isascii():
        raise refused
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = msgspec.json.decode(content, type=_Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise refused from None
    if cursor.listing != _fingerprint(query) or not codes.is_alias(cursor.code):
        raise refused
    return Position(_key(cursor.key, query, refused), cursor.code)


def _key(
    key: int | datetime | None, query: ListQuery, refused: InvalidQuery
) -> int | datetime | None:
    sort = (query.sort or "-created_at").removeprefix("-")
    if isinstance(key, datetime):
        if sort not in {"created_at", "last_visit_at"} or key.tzinfo is None:
            raise refused
        # The column has no zone and is in UTC.
        return key.replace(tzinfo=None) if sort == "created_at" else key
    if key is not None and (sort != "visits" or not 0 <= key < 1 << 63):
        raise refused
    return key
