"""YOURLS: its table of links as CSV or JSON, and the CSV of its import and export plugin."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.model.transfers import Record
from app.transfer.readers import cells

SIGNATURES = (frozenset({"keyword", "url"}), frozenset({"source", "target"}))
COLUMNS = ("keyword", "url", "title", "timestamp", "ip", "clicks")
"""Of the table; phpMyAdmin writes their names only if it is told to."""

_URL = re.compile(r"https?://", re.I)
_NULLS = ("NULL", r"\N")
"""As phpMyAdmin writes null beside quoted texts, and as MySQL's own export does."""
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.A)


def is_row(cells_: Sequence[str]) -> bool:
    """Tell whether this is a row of the table, where the names of its columns could stand."""
    if len(cells_) != len(COLUMNS):
        return False
    _, url, _, timestamp, _, clicks = cells_
    return bool(_URL.match(url) and _TIMESTAMP.fullmatch(timestamp) and clicks.isdigit())


def record(row: cells.Row) -> Record:
    """Return a link; the plugin writes keywords between slashes.

    Once a row is cut into cells, a bare NULL is the text "NULL". Titles, dates and counts that are
    exactly that are null; a keyword or a target is never null in the table, and stays.
    """
    told = {name: value for name, value in row.items() if value not in _NULLS}
    return Record(
        code=cells.needed(row, "keyword", "source").strip("/"),
        url=cells.needed(row, "url", "target"),
        title=cells.title(told, "title"),
        created_at=cells.creation(told, "timestamp"),
        visits=cells.count(told, "clicks", "hits"),
    )
