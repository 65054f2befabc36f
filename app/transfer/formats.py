"""Which file is whose: told by the names of its columns or members."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.model.errors import InvalidImport
from app.model.transfers import Format, Record
from app.transfer.readers import bitly, cells, dub, kutt, own, shlink, yourls

_READERS: dict[str, Callable[[cells.Row], Record]] = {
    Format.JSONL: own.record,
    Format.CSV: own.record,
    Format.YOURLS: yourls.record,
    Format.KUTT: kutt.record,
    Format.SHLINK: shlink.record,
    Format.DUB: dub.record,
}
_SIGNATURES = {
    Format.CSV: own.SIGNATURES,
    Format.YOURLS: yourls.SIGNATURES,
    Format.KUTT: kutt.SIGNATURES,
    Format.SHLINK: shlink.SIGNATURES,
    Format.DUB: dub.SIGNATURES,
    Format.BITLY: bitly.SIGNATURES,
}
"""In this order: the first that fits is taken."""
_SHOWN = 200


def records(format_: str, row: cells.Row) -> list[Record]:
    """Return what a row or an object tells: one link, at Bitly one for each of its codes."""
    return bitly.records(row) if format_ == Format.BITLY else [_READERS[format_](row)]


def recognised(wanted: str, names: Iterable[str]) -> str:
    """Return the format of a file with these columns or members; raise InvalidImport.

    What is `wanted` must fit too: it is a sign that the wrong file was chosen.
    """
    known = {cells.plain_name(name) for name in names}
    for name, signatures in _SIGNATURES.items():
        fits = any(signature <= known for signature in signatures)
        if fits and wanted in {name, Format.AUTO}:
            return name
    shown = _written(", ".join(name for name in names if name)[:_SHOWN] or "nothing")
    if wanted == Format.AUTO:
        raise InvalidImport(f"none of the known kinds of files has these columns: {shown}")
    least = " or ".join(
        " and ".join(sorted(signature)) for signature in _SIGNATURES[Format(wanted)]
    )
    raise InvalidImport(f"a file of {wanted} has at least {least}; this one has {shown}")


def _written(text: str) -> str:
    """Return a text that an answer can have: a table's names may be in another encoding."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
