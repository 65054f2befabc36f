"""YOURLS: its table of links as CSV or JSON, and the CSV of its import and export plugin."""

from __future__ import annotations

from app.model.transfers import Record
from app.transfer.readers import cells

SIGNATURES = (frozenset({"keyword", "url"}), frozenset({"source", "target"}))


def record(row: cells.Row) -> Record:
    """Return a link; the plugin writes keywords between slashes."""
    return Record(
        code=cells.needed(row, "keyword", "source").strip("/"),
        url=cells.needed(row, "url", "target"),
        title=cells.title(row, "title"),
        created_at=cells.creation(row, "timestamp"),
        visits=cells.count(row, "clicks", "hits"),
    )
