"""Room for a busy machine: how long something takes is a benchmark's question (`bench/`).

A test tells done from stuck: it compares with the limit that was configured, and with room.
"""

from collections.abc import Iterable

MACHINE = 10.0
"""Seconds that a machine with more work than cores may add to a limit that was configured."""


def usual(seconds: Iterable[float]) -> float:
    """Return what nine of ten stay within: whoever waits for something broken waits each time."""
    ordered = sorted(seconds)
    return ordered[len(ordered) * 9 // 10]
