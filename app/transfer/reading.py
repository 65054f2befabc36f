"""A file, part by part: what is whole becomes records, the rest waits for the next part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from app.model.errors import InvalidImport
from app.model.transfers import Format, Record, Refusal
from app.nesting import is_too_deep
from app.transfer.documents import Document
from app.transfer.encodings import to_utf8
from app.transfer.formats import recognised, records
from app.transfer.lines import Lines
from app.transfer.pieces import LONGEST, NOT_UTF_8, Piece, Place, Splitter
from app.transfer.readers import cells, own, yourls
from app.transfer.tables import DELIMITERS, Table, delimiter_of, ends_in_returns, is_utf8

LINES, TABLE, DOCUMENT = "lines", "table", "document"
_SPREADSHEETS_OWN = b"sep="
"""With which Excel is told the separator, in a line before the header."""


class Reading(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a file has been read; kept between two parts of it."""

    format: str
    """As asked for, until the file's beginning has shown what it is."""
    encoding: str | None = None
    tail: bytes = b""
    """Bytes of a character that is not whole."""
    kind: str = ""
    """How it is cut; empty until that is known."""
    columns: tuple[str, ...] = ()
    delimiter: str = ","
    returns: bool = False
    """A table's lines end in CR alone."""
    place: Place = Place()


class PartReader:
    """Reads one part of a file; afterwards `reading` and `rest` are those for the next."""

    def __init__(self, reading: Reading, rest: bytes) -> None:
        self.reading = reading
        self.rest = rest

    def read(self, part: bytes, *, last: bool) -> Iterator[tuple[int, Record] | Refusal]:
        """Give the records that are whole with the lines where they begin, and what is none.

        InvalidImport: the file is none that can be read; no record of it has been given.
        """
        encoding, tail, data = to_utf8(self.reading.encoding, self.reading.tail, part, last=last)
        self.reading = msgspec.structs.replace(self.reading, encoding=encoding, tail=tail)
        if not self.reading.kind:
            data, self.rest = self.rest + data, b""
            begun = self._begin(data, last=last)
            if begun is None:
                self.rest = data
                return
            data = begun
        if self.reading.returns:
            data = data.replace(b"\r", b"\n")
        splitter = self._splitter()
        for piece in splitter.pieces(data, last=last):
            yield from self._read_piece(piece)
        self.rest = splitter.rest
        self.reading = msgspec.structs.replace(self.reading, place=splitter.place)

    def _begin(self, data: bytes, *, last: bool) -> bytes | None:
        """Find out what the file is; return what follows its header, None as long as it is open."""
        begun = data.lstrip()
        found = None
        if begun:
            json = begun[:1] in (b"{", b"[") or self.reading.format == Format.JSONL
            found = self._begin_json(data) if json else self._begin_table(data, last)
        elif last:
            raise InvalidImport("the file is empty")
        if found is None and (last or len(data) > LONGEST):
            raise InvalidImport("the file's beginning is none of a known kind")
        return found

    def _begin_json(self, data: bytes) -> bytes | None:
        wanted = self.reading.format
        if wanted == Format.CSV:
            raise InvalidImport("the file is JSON, not CSV")
        if wanted == Format.AUTO:
            first = next(iter(Lines(Place(), b"").pieces(data, last=True)), None)
            wanted = Format.JSONL if first is not None and _is_own(first.value) else wanted
        if wanted == Format.JSONL:
            self._begun(LINES, Format.JSONL)
            return data
        for piece in Document(Place(), b"").pieces(data, last=False):
            if piece.fault is not None:
                raise InvalidImport(piece.fault)
            self._begun(DOCUMENT, recognised(wanted, _members(piece.value)))
            return data
        return None

    def _begin_table(self, data: bytes, last: bool) -> bytes | None:
        if ends_in_returns(data, last=last):
            data = data.replace(b"\r", b"\n")
            self.reading = msgspec.structs.replace(self.reading, returns=True)
        number, begin, told = 1, 0, ""
        while (end := _line_end(data, begin, last)) is not None:
            line, before = data[begin:end], begin
            number, begin = number + 1, end + 1
            if line.startswith(_SPREADSHEETS_OWN):
                told = line[len(_SPREADSHEETS_OWN) :].decode("latin-1")[:1]
            elif line.strip():
                return data[begin:] if self._take_header(line, told, number) else data[before:]
        return None

    def _take_header(self, line: bytes, told: str, number: int) -> bool:
        """Take the names of columns; False: the line is a record, of a file that has no names."""
        delimiter = told if told and told in DELIMITERS else delimiter_of(line)
        first = next(iter(Table(Place(), b"", delimiter).pieces(line, last=True)), None)
        names = first.value if first is not None and first.value else []
        nameless = self.reading.format in {Format.YOURLS, Format.AUTO} and yourls.is_row(names)
        if nameless:
            names, number = list(yourls.COLUMNS), number - 1
        self._begun(TABLE, recognised(self.reading.format, names))
        self.reading = msgspec.structs.replace(
            self.reading,
            columns=tuple(cells.plain_name(name) for name in names),
            delimiter=delimiter,
            place=Place(line=number),
        )
        return not nameless

    def _begun(self, kind: str, format_: str) -> None:
        self.reading = msgspec.structs.replace(self.reading, kind=kind, format=format_)

    def _splitter(self) -> Splitter:
        reading = self.reading
        if reading.kind == TABLE:
            return Table(reading.place, self.rest, reading.delimiter)
        kind = Lines if reading.kind == LINES else Document
        return kind(reading.place, self.rest)

    def _read_piece(self, piece: Piece) -> Sequence[tuple[int, Record] | Refusal]:
        if piece.fault is not None:
            return [Refusal(piece.line, None, piece.fault)]
        code = None
        try:
            if self.reading.kind == LINES:
                return [(piece.line, own.of_line(piece.value))]
            row = self._row(piece.value)
            code = cells.text(row, "code", "shortcode", "keyword", "address", "key")
            return [(piece.line, record) for record in records(self.reading.format, row)]
        except cells.Unreadable as error:
            garbled = self.reading.kind == TABLE and not is_utf8(piece.value)
            return [Refusal(piece.line, code, NOT_UTF_8 if garbled else str(error))]

    def _row(self, value: Any) -> cells.Row:
        if isinstance(value, bytes):
            return _named(value)
        columns = self.reading.columns
        if any(value[len(columns) :]):
            raise cells.Unreadable(f"the row has {len(value)} cells, and the header {len(columns)}")
        row = dict(zip(columns, value, strict=False))
        row.pop("", None)
        return row


def _line_end(data: bytes, begin: int, last: bool) -> int | None:
    """Return where a line ends, None if it is not whole."""
    end = data.find(b"\n", begin)
    if end < 0:
        return len(data) if last and begin < len(data) else None
    return end


def _is_own(line: bytes | None) -> bool:
    try:
        own.of_line(line or b"")
    except cells.Unreadable:
        return False
    return True


def _members(value: bytes | None) -> list[str]:
    try:
        return list(_named(value or b""))
    except cells.Unreadable:
        return []


def _named(value: bytes) -> cells.Row:
    if is_too_deep(value):
        raise cells.Unreadable("the record is nested too deeply")
    try:
        members = msgspec.json.decode(value, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise cells.Unreadable("the record is no JSON in UTF-8") from None
    return {cells.plain_name(name): each for name, each in members.items()}
