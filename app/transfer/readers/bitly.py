"""Bitly: the CSV of its dashboard, and what its API says of links, as JSON."""

from __future__ import annotations

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


def record(row: cells.Row) -> Record:
    """Return a link; a custom back-half wins over the one that Bitly chose."""
    return Record(
        code=cells.code_of(_custom(row) or cells.needed(row, "link", "bitlink", "shortlink")),
        url=cells.needed(row, "longurl", "destinationurl"),
        title=cells.title(row, "title"),
        tags=cells.tags(row, "tags"),
        created_at=cells.creation(row, "createdat", "created", "datecreated", "createddate"),
        expires_at=cells.moment(row, "expirationat", "expiresat"),
        visits=cells.count(
            row, "clicks", "totalclicks", "engagements", "totalengagements", "userclicks"
        ),
    )


def _custom(row: cells.Row) -> str | None:
    """Return the first custom link: a cell or a list may have several."""
    for name in _CUSTOM:
        value = row.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str) and (first := value.strip(' []"').split(",")[0].strip(' "')):
            return first
    return None
