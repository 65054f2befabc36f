"""Bitly: the CSV of its dashboard, and what its API says of links, as JSON."""

from __future__ import annotations

import re

import msgspec

from app.model.transfers import Record
from app.transfer.readers import cells

SIGNATURES = (
    frozenset({"link", "longurl"}),
    frozenset({"link", "destinationurl"}),
    frozenset({"bitlink", "longurl"}),
    frozenset({"bitlink", "destinationurl"}),
    frozenset({"shortlink", "longurl"}),
)
_CUSTOM = ("custombitlink", "customlink", "custombitlinks", "customlinks")


_BETWEEN = re.compile(r"[\s,|]+")
_MOST_CODES = 100
"""Of one link: each becomes one of ours."""


def records(row: cells.Row) -> list[Record]:
    """Return a link for each code that is live at Bitly, with the visits at the first.

    A link that was given custom back-halves keeps the one that Bitly chose. One that Bitly has
    archived is hidden from its list and leads on. What opens apps is refused.
    """
    cells.refuse_password(row)
    cells.refuse(row, "deeplinks", "the link opens apps (deeplinks), which links here cannot")
    first, *others = _codes(row)
    link = Record(
        code=first,
        url=cells.needed(row, "longurl", "destinationurl"),
        title=cells.title(row, "title"),
        tags=cells.tags(row, "tags"),
        created_at=cells.creation(row, "createdat", "created", "datecreated", "createddate"),
        expires_at=cells.moment(row, "expirationat", "expiresat"),
        state="deleted" if cells.flag(row, "isdeleted") else None,
        visits=cells.count(
            row, "clicks", "totalclicks", "engagements", "totalengagements", "userclicks"
        ),
    )
    return [link, *(msgspec.structs.replace(link, code=each, visits=None) for each in others)]


def _codes(row: cells.Row) -> list[str]:
    """Return the custom codes and the one that Bitly chose, each once."""
    urls = [*_custom(row), cells.text(row, "link", "bitlink", "shortlink")]
    codes = list(dict.fromkeys(cells.code_of(url) for url in urls if url))
    if not codes:
        raise cells.Unreadable("there is no link")
    if len(codes) > _MOST_CODES:
        raise cells.Unreadable(f"the link has more than {_MOST_CODES} codes")
    return codes


def _custom(row: cells.Row) -> list[str]:
    """Return all custom links: a cell or a list may have several."""
    found: list[str] = []
    for name in _CUSTOM:
        value = row.get(name)
        if isinstance(value, str):
            value = _BETWEEN.split(value.strip(" []"))
        if isinstance(value, list):
            found += [each.strip(' "') for each in value if isinstance(each, str)]
    return found
