"""How values of PostgreSQL become Python's, also those that Python's types cannot hold.

A date of PostgreSQL may be infinite, before Christ, or after the year 9999; psycopg raises for each
of these, and one such row would take a whole list with it. What cannot be held becomes the nearest
that can: its place in the order stays right, and RFC 3339 could not say more either.
"""

from __future__ import annotations

import codecs
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import Format

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_RANGES: dict[str, tuple[date, date]] = {
    "timestamptz": (_EARLIEST, _LATEST),
    "timestamp": (_EARLIEST.replace(tzinfo=None), _LATEST.replace(tzinfo=None)),
    "date": (date.min, date.max),
}


def adapters() -> AdaptersMap:
    """Return psycopg's adapters with ours for results in the binary format."""
    ours = AdaptersMap(psycopg.adapters)
    for name, (earliest, latest) in _RANGES.items():
        oid = ours.types[name].oid
        stock = ours.get_loader(oid, Format.BINARY)
        if stock is None:  # pragma: no cover - psycopg has one for each
            raise LookupError(name)
        ours.register_loader(oid, _bounded(stock, earliest, latest))
    return ours


def _bounded(stock: type[Any], earliest: object, latest: object) -> type[Loader]:
    class BoundedLoader(Loader):
        format = Format.BINARY

        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._load = stock(oid, context).load

        def load(self, data: Buffer) -> object:
            try:
                return self._load(data)
            except (psycopg.DataError, OverflowError, ValueError):
                # A count of days or microseconds since 2000, with its sign in the first bit.
                return earliest if bytes(data)[0] & 0x80 else latest

    return BoundedLoader


def load_any_text(context: AdaptContext) -> None:
    """Take text of a database that does not check it: what is no UTF-8 is percent-encoded.

    In the path of a target, which is most of what we hold, that is what a browser sends for it.
    """
    for name in ("text", "varchar", "bpchar", "name"):
        for loader in (_AnyText, _AnyBinaryText):
            context.adapters.register_loader(name, loader)


class _AnyText(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", _PERCENT)


class _AnyBinaryText(_AnyText):
    format = Format.BINARY


def _percent_encoded(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(f"%{byte:02X}" for byte in wrong), error.end


_PERCENT = "app.storage.percent"
codecs.register_error(_PERCENT, _percent_encoded)
