"""JSON Lines: a record is a line."""

from __future__ import annotations

from collections.abc import Iterator

from app.transfer.pieces import LONGEST, TOO_LONG, Piece, Place, whole


class Lines:
    """Cuts at line breaks."""

    def __init__(self, place: Place, rest: bytes) -> None:
        self.place = place
        self.rest = rest

    def pieces(self, data: bytes, *, last: bool) -> Iterator[Piece]:
        """Give the lines that are not empty."""
        line, skipping = self.place.line, self.place.skipping
        data = self.rest + data
        begin = 0
        while (end := data.find(b"\n", begin)) >= 0 or (last and begin < len(data)):
            end = len(data) if end < 0 else end
            if not skipping and (record := data[begin:end].strip()):
                yield whole(line, record)
            skipping = False
            line, begin = line + 1, end + 1
        rest = b"" if skipping else data[begin:]
        if len(rest) > LONGEST:
            yield Piece(line, None, TOO_LONG)
            skipping, rest = True, b""
        self.place, self.rest = Place(line=line, skipping=skipping), rest
