"""Whether a request has come whole (RFC 9112, sections 6 and 7): told without taking it apart."""

from __future__ import annotations

import re

HELD = 32 * 1024
"""Bytes of a request that are received without a thread; links' bodies are shorter."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n")
_REQUEST_LINE = re.compile(rb"[!-~]{1,32} [^\r\n]+ HTTP/1\.[01]\r\n")
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")
_LONGEST_CHUNK_LINE = 256


def is_complete(received: bytes | bytearray) -> bool:
    """Tell whether a thread can take over: the request is whole, or nothing to wait for.

    Not waited for: what is longer than HELD, what the parser will refuse, and the body of a
    client that expects "100 Continue" first.
    """
    if len(received) >= HELD:
        return True
    end = received.find(b"\r\n\r\n")
    if end < 0:
        # RFC 9112, section 2.2: empty lines may come first.
        begun = received.lstrip(b"\r\n")
        return b"\r\n" in begun and not _REQUEST_LINE.match(begun)
    head = received[: end + 2].lower()
    if b"\r\nexpect:" in head:
        return True
    has_length = b"\r\ncontent-length:" in head
    if b"\r\ntransfer-encoding:" in head:
        chunked = _CHUNKED.search(head) and not has_length
        return not chunked or _has_last_chunk(received, end + 4)
    length = _LENGTH.search(head) if has_length else None
    return length is None or len(received) >= end + 4 + min(int(length[1]), HELD)


def _has_last_chunk(received: bytes | bytearray, begin: int) -> bool:
    while (end := received.find(b"\r\n", begin)) >= 0:
        size = received[begin:end].split(b";", 1)[0].strip()
        if not _CHUNK_SIZE.fullmatch(size):
            return True
        if int(size, 16) == 0:
            return received.find(b"\r\n\r\n", end) >= 0
        begin = end + 2 + int(size, 16) + 2
    return len(received) - begin > _LONGEST_CHUNK_LINE
