"""How steadily the machine itself computes: whether it is a quiet one.

A virtual machine can be slowed by its host without any of its own numbers showing it: no stolen
time, no pause, only everything slower for some milliseconds. A process that adds numbers sees it.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from time import perf_counter

_SECONDS = 4.0
_WINDOW = 0.005
"""Seconds."""
_ADDITIONS = 500


def slowest_hundredth() -> float:
    """Return how much slower than usual the slowest 1% of 5 ms windows are, on the worst core."""
    context = multiprocessing.get_context("spawn")
    ends = []
    for _ in range(multiprocessing.cpu_count()):
        ours, theirs = context.Pipe()
        context.Process(target=_spin, args=(theirs,), daemon=True).start()
        ends.append(ours)
    return max(float(ours.recv()) for ours in ends)


def _spin(connection: Connection) -> None:
    taken = []
    began = before = perf_counter()
    while before - began < _SECONDS:
        total = 0
        for number in range(_ADDITIONS):
            total += number
        now = perf_counter()
        taken.append(now - before)
        before = now
    windows = sorted(_means(taken))
    connection.send(windows[len(windows) * 99 // 100] / windows[len(windows) // 2])


def _means(taken: list[float]) -> list[float]:
    """Return the mean of each stretch of a window's length."""
    means, total, count = [], 0.0, 0
    for one in taken:
        total, count = total + one, count + 1
        if total >= _WINDOW:
            means.append(total / count)
            total, count = 0.0, 0
    return means
