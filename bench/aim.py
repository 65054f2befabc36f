"""The aim: the running service against a bare Flask view in turns, and latency at half load."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench.measured import Measured, Shape
from bench.steadiness import slowest_hundredth
from bench.table import Row, at_least, judged

if TYPE_CHECKING:
    from bench.load import Bench
    from bench.service import Service

BARE = "bare Flask view"
"""Under gunicorn's own gthread worker."""
CONNECTIONS = 16
_HALF_CONNECTIONS = 32
_HALF_ROUNDS = 16
_HALF_SECONDS = 1.0
"""The budget is one of a quiet machine: short rounds find the moments in which it is quiet."""
_ON: Shape = ("on", 2, 4)
_BARE: Shape = (BARE, 2, 4)
_FACTOR, _LONGEST = 10, 15.0
"""The p99 at half load: of its median, and in milliseconds."""


def measure(bench: Bench) -> list[Row]:
    """Return the rows; all signals and counting are on."""
    with ExitStack() as stack:
        ours = stack.enter_context(bench.service(*_ON))
        bare = stack.enter_context(bench.service(*_BARE))
        rows = []
        for kind in ("resolve", "redirect"):
            ratios, taken = [], []
            for _ in range(bench.rounds):
                theirs = bench.run(bare, "resolve", _BARE, CONNECTIONS)
                mine = bench.run(ours, kind, _ON, CONNECTIONS)
                ratios.append(mine.load.rate / theirs.load.rate)
                taken += [theirs, mine]
            bench.measured += taken
            rows += _throughput(kind, ratios, taken)
            rows += _latency(kind, _half(bench, ours, kind, _ON, taken), taken)
        return [*rows, *_of_the_machine(bench, bare, taken)]


def _half(
    bench: Bench, service: Service, kind: str, shape: Shape, taken: list[Measured]
) -> list[Measured]:
    """Drive a service at half of its peak; return the rounds, the one with the lowest p99 first."""
    peak = [one for one in taken if one.signals == shape[0]]
    pause = _pause(peak)
    half = [
        bench.run(service, kind, shape, _HALF_CONNECTIONS, pause=pause, seconds=_HALF_SECONDS)
        for _ in range(_HALF_ROUNDS)
    ]
    bench.measured += half
    return sorted(half, key=lambda one: one.load.p99)


def _throughput(kind: str, ratios: list[float], taken: list[Measured]) -> list[Row]:
    ratio = statistics.median(ratios)
    mine = statistics.median(one.load.rate for one in taken if one.signals != BARE)
    theirs = statistics.median(one.load.rate for one in taken if one.signals == BARE)
    errors = sum(one.load.errors for one in taken)
    run = f"{mine:,.0f}/s, {theirs:,.0f}/s" + (f", {errors} errors" if errors else "")
    each = ", ".join(f"{one:.2f}" for one in ratios)
    return [
        at_least(
            f"Hot {kind}, all signals and counting on ÷ the bare view, 2 workers",
            run,
            0.0 if errors else ratio,
            1.0,
            ratio=f"{ratio:.2f} ({each})",
        )
    ]


def _pause(peak: list[Measured]) -> float:
    """Return the milliseconds that a connection rests for, so that half of the peak comes."""
    usual = statistics.median(one.load.p50 for one in peak)
    rate = max(one.load.rate for one in peak)
    return max(1.0, 2000 * _HALF_CONNECTIONS / rate - usual / 4)


def _latency(kind: str, half: list[Measured], taken: list[Measured]) -> list[Row]:
    load, piece = half[0].load, f"Hot {kind} at half of its peak: p99"
    return [
        judged(
            piece,
            _told(half, taken),
            load.p99,
            _LONGEST,
            shown=f"≤ {_LONGEST:.0f} ms",
            ratio=f"{load.p99 / load.p50:.1f} × p50",
        ),
        judged(f"{piece} in medians", f"{load.p99 / load.p50:.1f}", load.p99 / load.p50, _FACTOR),
    ]


def _of_the_machine(bench: Bench, bare: Service, taken: list[Measured]) -> list[Row]:
    """Say what the machine itself makes of half a load: nothing is judged by it."""
    half = _half(bench, bare, "resolve", _BARE, taken)
    best = half[0].load
    return [
        Row(
            "The bare view at half of its peak: p99",
            _told(half, taken),
            ratio=f"{best.p99 / best.p50:.1f} × p50",
        ),
        Row(
            "The machine: the slowest hundredth of 5 ms, adding numbers",
            f"{slowest_hundredth():.1f} × as slow as usual",
        ),
    ]


def _told(half: list[Measured], taken: list[Measured]) -> str:
    peak = max(one.load.rate for one in taken if one.signals == half[0].signals)
    load, median = half[0].load, half[len(half) // 2].load
    return (
        f"{load.p99:.1f} ms; p50 {load.p50:.2f} ms at {load.rate:,.0f}/s of {peak:,.0f}"
        f" (median of the rounds {median.p99:.1f} ms)"
    )
