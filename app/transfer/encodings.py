"""The bytes of a file as UTF-8, whatever it is in, however it is cut into parts."""

from __future__ import annotations

import codecs

_UTF_8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF8, _UTF_8),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_MARK = 3


def to_utf8(
    encoding: str | None, tail: bytes, part: bytes, *, last: bool
) -> tuple[str | None, bytes, bytes]:
    """Return the encoding once it is known, bytes that wait for the next part, and UTF-8.

    A file without a mark (Unicode, section 23.8) is in UTF-8. What is not well-formed stays so:
    whoever reads a record refuses it.
    """
    given = tail + part
    if encoding is None:
        if len(given) < _LONGEST_MARK and not last:
            return None, given, b""
        encoding, given = _marked(given)
    if encoding == _UTF_8:
        return encoding, b"", given
    whole = len(given) if last else _whole(encoding, given)
    text = given[:whole].decode(encoding, "surrogatepass" if whole % 2 == 0 else "replace")
    return encoding, given[whole:], text.encode(_UTF_8, "surrogatepass")


def _marked(given: bytes) -> tuple[str, bytes]:
    for mark, encoding in _MARKS:
        if given.startswith(mark):
            return encoding, given[len(mark) :]
    return _UTF_8, given


def _whole(encoding: str, given: bytes) -> int:
    """Return how many bytes are whole characters: two units make one beyond the first 65,536."""
    whole = len(given) - len(given) % 2
    if not whole:
        return 0
    high = given[whole - 1] if encoding == "utf-16-le" else given[whole - 2]
    return whole - 2 if 0xD8 <= high <= 0xDB else whole
