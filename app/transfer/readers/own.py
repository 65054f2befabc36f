"""Our own two kinds: JSON Lines with all of a link, and CSV with the same columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from app.formulas import unguarded
from app.model.transfers import RECORD_FIELDS, Record
from app.nesting import is_too_deep
from app.transfer.readers import cells

SIGNATURES = (frozenset({"code", "url"}),)

_decode = msgspec.json.Decoder(Record).decode
_NAMES = {cells.plain_name(name): name for name in RECORD_FIELDS}
_NUMBERS = ("max_visits", "used_visits", "redirect_status", "visits", "visitors", "bots")
_MOMENTS = tuple(name for name in RECORD_FIELDS if name.endswith("_at"))
_CELLS: Mapping[str, Callable[[cells.Row, str], Any]] = {
    **dict.fromkeys(_NUMBERS, cells.count),
    **dict.fromkeys(_MOMENTS, cells.moment),
    "tags": cells.tags,
}
"""How a cell is read that a spreadsheet may have written anew."""
_TRUTH = {"true": True, "false": False}


def of_line(line: bytes) -> Record:
    """Return what a line of JSON tells; raise Unreadable."""
    if is_too_deep(line):
        raise cells.Unreadable("the line is nested too deeply")
    try:
        return _decode(line)
    except msgspec.ValidationError as error:
        raise cells.Unreadable(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise cells.Unreadable("the line is no JSON in UTF-8") from None


def record(row: cells.Row) -> Record:
    """Return what a row tells: an empty cell is null, and lists are JSON or have separators.

    Numbers and moments may have gone through a spreadsheet, as those of others may.
    """
    given: dict[str, Any] = {}
    for plain, name in _NAMES.items():
        if plain in row:
            cell = row[plain]
            given[name] = _value(name, unguarded(cell)) if isinstance(cell, str) else cell
    for name in ("code", "url"):
        if not given.get(name):
            raise cells.Unreadable(f"there is no {name}")
    if given.get("findable", False) is None:
        del given["findable"]
    try:
        return msgspec.convert(given, Record)
    except msgspec.ValidationError as error:
        raise cells.Unreadable(str(error)) from None


def _value(name: str, cell: str) -> Any:
    if not cell:
        return None
    if name in _CELLS:
        return _CELLS[name]({name: cell}, name)
    if name in {"forward_query", "findable"}:
        return _TRUTH.get(cell.lower(), cell)  # what is neither, the type refuses
    if name == "rules":
        return cells.decoded(cell, "rules")
    return cell
