"""CSV (RFC 4180): a record is a row, which may have line breaks between quotes."""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator, Sequence

from app.transfer.pieces import LONGEST, TOO_LONG, Piece, Place

DELIMITERS = ",;\t"
_UNCLOSED = "a quotation mark is never closed"
_UNREADABLE = "the row is no CSV"
csv.field_size_limit(LONGEST)


class _Unfinished(Exception):
    """There are no more whole lines."""


class _TooLong(Exception):
    """The row is longer than any may be."""


class _Lines:
    """Gives a reader the lines that are whole, and knows how many bytes it has taken."""

    def __init__(self, data: bytes, begin: int) -> None:
        self._data = data
        self.taken = begin
        self.row = begin
        """Where the row begins that is being read."""

    @property
    def left(self) -> int:
        """Bytes from the beginning of the row on."""
        return len(self._data) - self.row

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        end = self._data.find(b"\n", self.taken)
        if end < 0:
            raise _Unfinished
        if end - self.row > LONGEST:
            raise _TooLong
        text = self._data[self.taken : end + 1]
        self.taken = end + 1
        return text.decode("utf-8", "surrogateescape")

    def skip_line(self) -> bool:
        """Go on behind the first line of the row that is being read; False if it is not whole."""
        end = self._data.find(b"\n", self.row)
        self.taken = self.row = end + 1
        return end >= 0


class Table:
    """Cuts where the csv module ends a row; it is asked for one row at a time."""

    def __init__(self, place: Place, rest: bytes, delimiter: str) -> None:
        self.place = place
        self.rest = rest
        self._delimiter = delimiter
        self._line = place.line

    def pieces(self, data: bytes, *, last: bool) -> Iterator[Piece]:
        """Give the rows that are not empty."""
        data = self.rest + data
        if last and data and not data.endswith(b"\n"):
            data += b"\n"
        begin = 0
        if self.place.skipping:
            begin = data.find(b"\n") + 1
            if not begin:
                self.rest = b""
                return
            self._line += 1
        lines = _Lines(data, begin)
        skipping = False
        while (fault := (yield from self._rows(lines, last=last))) is not None:
            yield Piece(self._line, None, fault)
            if not lines.skip_line():
                skipping = True
                break
            self._line += 1
        self.place = Place(line=self._line, skipping=skipping)
        self.rest = b"" if skipping else data[lines.row :]

    def _rows(self, lines: _Lines, *, last: bool) -> Generator[Piece, None, str | None]:
        """Give rows until one has a fault, which is returned, or is not whole yet."""
        while True:
            reader = csv.reader(lines, delimiter=self._delimiter)
            before = self._line
            try:
                for row in reader:
                    if any(row) and (len(row) > 1 or row[0].strip()):
                        yield Piece(self._line, row)
                    self._line, lines.row = before + reader.line_num, lines.taken
            except csv.Error:
                yield Piece(self._line, None, _UNREADABLE)
                self._line, lines.row = before + reader.line_num, lines.taken
            except (_TooLong, _Unfinished):
                if lines.taken > lines.row:
                    return _UNCLOSED if last or lines.left > LONGEST else None
                return TOO_LONG if lines.left > LONGEST else None


def is_utf8(row: Sequence[str]) -> bool:
    """Tell whether all of a row was in UTF-8; bytes that were not are lone surrogates in it."""
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return False
    return True


def ends_in_returns(data: bytes, *, last: bool) -> bool:
    """Tell whether the lines of a file end in CR alone, as the first line break in it does.

    So spreadsheets write a CSV for the Macintosh of before 2001, and some still offer it.
    """
    first = data.find(b"\r")
    if first < 0 or 0 <= data.find(b"\n") < first:
        return False
    following = data[first + 1 : first + 2]
    return following != b"\n" if following else last


def delimiter_of(header: bytes) -> str:
    """Return what separates the cells of a header: comma, semicolon or tab."""
    return max(DELIMITERS, key=lambda each: header.count(each.encode()))
