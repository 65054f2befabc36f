"""How deep JSON is nested: told before anything that calls itself looks into it.

How deep a reader may call itself depends on the interpreter and on who called it; whether a body
is taken must depend on neither.
"""

from __future__ import annotations

import re
from itertools import accumulate

DEEPEST = 64
"""Levels of lists and objects. The deepest that means anything has seven: the query of a rule of a
link of a bulk. Members that nobody asked for may be deeper."""

# One that is not closed goes on to the end, so that no byte is looked at twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+(?:"|\Z)', re.S)
# As signed bytes, what opens is 1 and what closes is -1.
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
_OTHERS = bytes(set(range(256)) - set(b"{[}]"))


def is_too_deep(content: bytes, deepest: int = DEEPEST) -> bool:
    """Tell whether JSON has more than `deepest` levels.

    Of what is no JSON, a decoder that stops at the first fault sees no more levels than twice that.
    """
    if len(content) <= 2 * deepest or content.count(b"{") + content.count(b"[") <= deepest:
        return False
    steps = _STRING.sub(b"", content).translate(_STEPS, _OTHERS)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > deepest
