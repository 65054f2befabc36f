"""Export: an account's links as JSON Lines or CSV, as slowly as the client takes them."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from app import metrics
from app.formulas import guarded
from app.model.callers import Caller
from app.model.errors import DatabaseUnavailable
from app.model.transfers import RECORD_FIELDS, Format, Record
from app.storage.exports import ExportTable
from app.transfer.turns import TransferTurns

LONGEST = 600.0
"""Seconds of one answer; whoever has not read it all by then goes on behind the last link."""
FAIR = 60.0
"""The same while others wait for the turn that it has."""
PATIENCE = 10.0
"""Seconds for which an export that has begun waits for PostgreSQL to come back."""
_PAUSE = 0.5

_encode = msgspec.json.Encoder().encode


class ExportCut(Exception):
    """An export ends before all links are out: the client sees that, and goes on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported."""

    caller: Caller
    format: str
    after: str = ""
    """The code behind which to begin."""


class Exporting:
    """The use case; `turns` bounds how many run at once in this worker."""

    def __init__(self, table: ExportTable, turns: TransferTurns) -> None:
        self._table = table
        self._turns = turns

    def export(self, wanted: Wanted) -> tuple[Export, int]:
        """Return the pieces of an export and about how many links it has.

        The caller closes the iterator. Errors: TransfersBusy, DatabaseUnavailable; ExportCut while
        it is read. Neither a transaction nor a connection is held from one piece to the next.
        """
        self._turns.take()
        try:
            tag, count = self._extent(wanted)
            pages = _Pages(self._table, wanted.caller.user, tag)
            first = pages.behind(wanted.after) if count else []
        except BaseException:
            self._turns.give_back()
            raise
        return Export(_written(wanted, first, pages, self._turns), self._turns), count

    def _extent(self, wanted: Wanted) -> tuple[int | None, int]:
        owner, tag = wanted.caller.user, wanted.caller.tag
        if tag is None:
            return None, self._table.count(owner, wanted.after)
        return self._table.tag(owner, tag) or (None, 0)


@dataclass(frozen=True, slots=True)
class _Pages:
    table: ExportTable
    owner: UUID
    tag: int | None

    def behind(self, code: str) -> list[Record]:
        return self.table.page(self.owner, code, self.tag)

    def patiently_behind(self, code: str) -> list[Record]:
        """Wait for PostgreSQL, but not for long; raise ExportCut."""
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                return self.behind(code)
            except DatabaseUnavailable as error:
                if time.monotonic() > ends:
                    raise ExportCut(str(error.reason)) from None
                time.sleep(_PAUSE)


def _written(
    wanted: Wanted, page: list[Record], pages: _Pages, turns: TransferTurns
) -> Iterator[bytes]:
    begun = time.monotonic()
    table = wanted.format == Format.CSV
    if table and not wanted.after:
        yield csv_header()
    while page:
        last = page[-1].code
        written = as_csv(page) if table else as_lines(page)
        metrics.record_transferred("exported", len(page))
        page = []  # not held while the client takes it, nor beside the next
        yield written
        if time.monotonic() - begun > (FAIR if turns.is_wanted else LONGEST):
            raise ExportCut("the export took too long")
        page = pages.patiently_behind(last)


class Export:
    """Gives the turn back when it ends or is closed, also if nobody has read anything."""

    def __init__(self, pieces: Iterator[bytes], turns: TransferTurns) -> None:
        self._pieces = pieces
        self._turns: TransferTurns | None = turns

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Read no more."""
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.give_back()


def as_lines(records: Sequence[Record]) -> bytes:
    """Return records as JSON Lines, one object a line."""
    return b"".join([_encode(record) + b"\n" for record in records])


def csv_header() -> bytes:
    """Return the line of names that a CSV begins with."""
    return _rows([RECORD_FIELDS])


def as_csv(records: Sequence[Record]) -> bytes:
    """Return records as rows: null is empty, lists are JSON, and nothing is a formula."""
    return _rows([[_cell(getattr(record, name)) for name in RECORD_FIELDS] for record in records])


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, str):
        return guarded(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return _encode(value).decode()
    return str(value)
