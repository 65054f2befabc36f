"""What a file is cut into, and where the cutting stands between two parts of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

LONGEST = 256 * 1024
"""Bytes of one record; a longer one is refused and skipped."""
TOO_LONG = f"the record is longer than {LONGEST // 1024} KiB"
NOT_UTF_8 = "the record is not in UTF-8: save the table as CSV UTF-8"
"""Spreadsheets call it so, beside a plain CSV that is in the machine's own encoding."""


class Piece(NamedTuple):
    """One record of a file, not yet understood, or what is wrong with it."""

    line: int
    value: Any
    """Bytes of JSON, or the cells of a row."""
    fault: str | None = None


def whole(line: int, record: bytes) -> Piece:
    """Return a record that is whole, or that it is too long."""
    return Piece(line, None, TOO_LONG) if len(record) > LONGEST else Piece(line, record)


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the cutting of a file stands."""

    line: int = 1
    """Number of the line, or in a JSON document of the record, that comes next."""
    skipping: bool = False
    """What comes next is the rest of something too long."""
    stack: str = ""
    """Brackets of a JSON document that are open around its records."""
    depth: int = 0
    """Brackets that are open in the record that is skipped."""
    in_string: bool = False
    lost: bool = False
    """Nothing that comes can be told apart."""


class Splitter(Protocol):
    """Cuts UTF-8 into pieces; one for each part of a file."""

    place: Place
    rest: bytes
    """What belongs to no whole record yet, once all pieces have been taken."""

    def pieces(self, data: bytes, *, last: bool) -> Iterator[Piece]:
        """Give the records that are whole; with the `last` part, all that are left."""
