"""Long work of a thread beside the requests, done in short turns."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

TURN = 16
"""Items: a fifth of a millisecond of spans."""
_REST = 0.00005
"""Seconds. Giving the interpreter up for no time at all, one has it back before anybody wakes."""


def in_turns(items: Iterable[T]) -> Iterator[T]:
    """Yield the items; between turns whoever waits for the interpreter gets it.

    Else a request that comes while a batch is made ready waits for `sys.getswitchinterval` each
    time that it returns from the kernel.
    """
    for number, item in enumerate(items):
        if number and number % TURN == 0:
            time.sleep(_REST)
        yield item
