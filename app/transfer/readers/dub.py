"""dub: the CSV of its dashboard, by its labels or its names of fields, and its API's JSON."""

from __future__ import annotations

from typing import Any

from app.model.transfers import Record
from app.transfer.readers import cells

SIGNATURES = (
    frozenset({"shortlink", "destinationurl"}),
    frozenset({"shortlink", "url"}),
    frozenset({"link", "url"}),
    frozenset({"key", "url"}),
)
_DEVICES = ("ios", "android")
_TESTED = "the link leads to several targets in turn (testVariants), which links here cannot"
_AFTERWARDS = "the link leads elsewhere once it has expired (expiredUrl), which links here cannot"


def record(row: cells.Row) -> Record:
    """Return a link; what dub sends elsewhere by device or country becomes rules.

    One that dub has archived is hidden from its list and leads on; one that it has disabled is
    disabled. Where an expired link leads matters only if it expires.
    """
    cells.refuse_password(row)
    cells.refuse(row, "testvariants", _TESTED)
    if cells.text(row, "expiresat"):
        cells.refuse(row, "expiredurl", _AFTERWARDS)
    return Record(
        code=cells.text(row, "key") or cells.code_of(cells.needed(row, "shortlink", "link")),
        url=cells.needed(row, "destinationurl", "url"),
        title=cells.title(row, "title", "comments"),
        tags=cells.tags(row, "tags"),
        expires_at=cells.moment(row, "expiresat"),
        rules=_rules(row) or None,
        disabled_at=cells.moment(row, "disabledat"),
        created_at=cells.creation(row, "createdat"),
        changed_at=cells.moment(row, "updatedat"),
        visits=cells.count(row, "clicks"),
        last_visit_at=cells.moment(row, "lastclicked"),
    )


def _rules(row: cells.Row) -> list[Any]:
    rules = [{"if": {"device": each}, "url": row[each]} for each in _DEVICES if row.get(each)]
    countries = row.get("geo") or {}
    if isinstance(countries, str):
        countries = cells.decoded(countries, "geo", "is")
    if not isinstance(countries, dict):
        raise cells.Unreadable("geo is no object")
    return rules + [{"if": {"country": each}, "url": url} for each, url in countries.items()]
