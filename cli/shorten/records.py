"""Whole records of an export, as they come out of a stream that may be cut anywhere."""

from __future__ import annotations

import csv
import io
import json

from shorten.errors import Failure

_LONGEST = 8 * 1024 * 1024


class Records:
    """Lets whole records through, and knows the last one's code: behind it an export goes on."""

    def __init__(self, kind: str) -> None:
        """`kind` is jsonl or csv."""
        self.kind = kind
        self.count = 0
        self.last: str | None = None
        self._rest = b""
        self._header: list[str] | None = None
        self._begins = True

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing is left that belongs to no whole record."""
        return not self._rest

    def begin_again(self) -> None:
        """Forget a record that was cut: the stream comes anew, behind the last whole one."""
        self._rest = b""
        self._begins = True

    def whole(self, piece: bytes) -> bytes:
        """Return the records that are whole now; raise Failure for what is no such file."""
        data = self._rest + piece
        end = data.rfind(b"\n") + 1 if self.kind == "jsonl" else _end_of_rows(data)
        block, self._rest = data[:end], data[end:]
        if len(self._rest) > _LONGEST:
            raise Failure("a record is longer than any that makes sense")
        if not block:
            return block
        try:
            return self._lines(block) if self.kind == "jsonl" else self._rows(block)
        except (ValueError, KeyError, TypeError, IndexError, csv.Error):
            raise Failure(f"this is no {self.kind} of links") from None

    def _lines(self, block: bytes) -> bytes:
        last = block[block.rfind(b"\n", 0, -1) + 1 :]
        self.last = str(json.loads(last)["code"])
        self.count += block.count(b"\n")
        return block

    def _rows(self, block: bytes) -> bytes:
        rows = list(csv.reader(io.StringIO(block.decode(), newline="")))
        if self._begins:
            self._begins = False
            head = [cell.removeprefix("\ufeff") for cell in rows[0]]
            if self._header is None:
                self._header = head
                rows = rows[1:]
            elif head == self._header:
                # Where it goes on, the service says the names of the columns once more.
                block = block[block.index(b"\n") + 1 :]
                rows = rows[1:]
        if rows and self._header is not None:
            # An apostrophe keeps spreadsheets from taking a code for a formula.
            self.last = rows[-1][self._header.index("code")].lstrip("'")
            self.count += len(rows)
        return block


def _end_of_rows(data: bytes) -> int:
    """Return where the last whole row ends: at a line break outside of quotes (RFC 4180)."""
    quotes = data.count(b'"')
    end = len(data)
    while (found := data.rfind(b"\n", 0, end)) >= 0:
        quotes -= data.count(b'"', found, end)
        if quotes % 2 == 0:
            return found + 1
        end = found
    return 0
