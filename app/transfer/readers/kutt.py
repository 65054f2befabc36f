"""kutt: what `GET /api/v2/links` says, as JSON, or the same as a table."""

from __future__ import annotations

from app.model.transfers import Record
from app.transfer.readers import cells

SIGNATURES = (frozenset({"address", "target"}),)


def record(row: cells.Row) -> Record:
    """Return a link; one that kutt has banned is disabled."""
    cells.refuse_password(row)
    return Record(
        code=cells.needed(row, "address"),
        url=cells.needed(row, "target"),
        title=cells.title(row, "description"),
        expires_at=cells.moment(row, "expirein"),
        state="disabled" if cells.flag(row, "banned") else None,
        created_at=cells.creation(row, "createdat"),
        changed_at=cells.moment(row, "updatedat"),
        visits=cells.count(row, "visitcount"),
    )
