"""shlink: the CSV of its web client, the one its importer reads, and its REST API's JSON."""

from __future__ import annotations

from typing import Any

from app.model.transfers import Record
from app.transfer.readers import cells

SIGNATURES = (frozenset({"shortcode", "longurl"}), frozenset({"shorturl", "longurl"}))

_RULES = "the link has redirect rules, and the file does not say which"
_DEVICES = ("ios", "android", "desktop")
_TRUTH = {"true": True, "false": False}


def record(row: cells.Row) -> Record:
    """Return a link; visits of its API are told apart into those of people and of bots.

    Targets by device (shlink 3.5 to 3.7) become rules. Of the rules since 4.0 a list of links says
    only that there are some: such a link is refused.
    """
    cells.refuse_password(row)
    cells.refuse(row, "hasredirectrules", _RULES)
    limits = _object(row, "meta") or row
    summary = _object(row, "visitssummary")
    bots = cells.count(summary, "bots")
    total = cells.count(summary, "total")
    if total is None:
        total = cells.count(row, "visits", "visitscount")
    limit = cells.count(limits, "maxvisits")
    return Record(
        code=cells.text(row, "shortcode") or cells.code_of(cells.needed(row, "shorturl")),
        url=cells.needed(row, "longurl"),
        title=cells.title(row, "title"),
        tags=cells.tags(row, "tags"),
        starts_at=cells.moment(limits, "validsince"),
        expires_at=cells.moment(limits, "validuntil"),
        max_visits=limit,
        used_visits=total if limit is not None else None,
        forward_query=_forwards(row),
        rules=_rules(row) or None,
        created_at=cells.creation(row, "datecreated", "createdat"),
        visits=None if total is None else max(0, total - (bots or 0)),
        bots=bots,
    )


def _object(row: cells.Row, name: str) -> dict[str, Any]:
    value = row.get(name)
    if not isinstance(value, dict):
        return {}
    return {cells.plain_name(each): found for each, found in value.items()}


def _forwards(row: cells.Row) -> bool | None:
    value = row.get("forwardquery")
    if isinstance(value, str):
        value = _TRUTH.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _rules(row: cells.Row) -> list[Any]:
    targets = _object(row, "devicelongurls")
    return [
        {"if": {"device": each}, "url": targets[each]} for each in _DEVICES if targets.get(each)
    ]
