"""JSON documents: a record is an object in a list, wherever in the document the list is.

Several documents may follow each other: pages of an API, written into one file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.transfer.pieces import LONGEST, TOO_LONG, Piece, Place, whole

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]"]', re.S)
_STRING_END = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.S)
_DEEPEST = 64
_CUT_OFF = "the document ends in this record"
_TOO_DEEP = "the document is nested too deeply, and is not read from here on"


class Document:
    """Cuts objects out of lists."""

    def __init__(self, place: Place, rest: bytes) -> None:
        self.place = place
        self.rest = rest
        self._number = place.line
        self._stack = place.stack
        self._depth = place.depth
        self._skipping = place.skipping
        self._in_string = place.in_string

    def pieces(self, data: bytes, *, last: bool) -> Iterator[Piece]:
        """Give the objects that are whole; one that the last part leaves open is a fault."""
        if self.place.lost:
            return
        data = self.rest + data
        begin, at = -1, 0
        while (at := self._after_string(data, at)) >= 0 and (found := _TOKEN.search(data, at)):
            at = found.end()
            token = found[0]
            if token == b'"':
                self._in_string = True
            elif token in {b"{", b"["}:
                if self._opens(token):
                    begin = found.start()
                elif len(self._stack) > _DEEPEST:
                    yield Piece(self._number, None, _TOO_DEEP)
                    self.place, self.rest = Place(line=self._number + 1, lost=True), b""
                    return
            elif token in {b"}", b"]"} and self._closes():
                if not self._skipping:
                    yield whole(self._number, data[begin:at])
                begin, self._number, self._skipping = -1, self._number + 1, False
        if begin >= 0 and (last or len(data) - begin > LONGEST):
            yield Piece(self._number, None, _CUT_OFF if last else TOO_LONG)
            begin, self._skipping = -1, True
        self._keep(data, begin)

    def _after_string(self, data: bytes, at: int) -> int:
        """Return where to look on, -1 if a string goes on behind the data."""
        if not self._in_string:
            return at
        end = _STRING_END.match(data, at)
        if end is None:
            return -1
        self._in_string = False
        return end.end()

    def _opens(self, token: bytes) -> bool:
        """Note a bracket that opens; tell whether a record begins with it."""
        if self._depth or (token == b"{" and self._stack.endswith("[")):
            self._depth += 1
            return self._depth == 1
        self._stack += token.decode()
        return False

    def _closes(self) -> bool:
        """Note a bracket that closes; tell whether a record ends with it."""
        if self._depth:
            self._depth -= 1
            return self._depth == 0
        self._stack = self._stack[:-1]
        return False

    def _keep(self, data: bytes, begin: int) -> None:
        if begin >= 0:
            # The record is looked at again, from its beginning.
            self.place = Place(line=self._number, stack=self._stack)
            self.rest = data[begin:]
            return
        self.place = Place(
            line=self._number,
            skipping=self._skipping,
            stack=self._stack,
            depth=self._depth,
            in_string=self._in_string,
        )
        # What a backslash escapes may come with the next part.
        backslashes = len(data) - len(data.rstrip(b"\\"))
        self.rest = b"\\" if self._in_string and backslashes % 2 else b""
