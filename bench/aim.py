"""The aim: the running service against a bare Flask view in turns, and latency at half load."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench.measured import Measured, Shape
from bench.table import Row, at_least, judged

if TYPE_CHECKING:
    from bench.load import Bench

BARE = "bare Flask view"
"""Under gunicorn's own gthread worker."""
CONNECTIONS = 16
_HALF_CONNECTIONS = 32
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
            half = [
                bench.run(ours, kind, _ON, _HALF_CONNECTIONS, pause=_pause(taken))
                for _ in range(bench.rounds)
            ]
            bench.measured += half
            rows += _latency(kind, min(half, key=lambda one: one.load.p99), taken)
        return rows


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


def _pause(taken: list[Measured]) -> float:
    """Return the milliseconds that a connection rests for, so that half of the peak comes."""
    peak = max(one.load.rate for one in taken if one.signals != BARE)
    usual = statistics.median(one.load.p50 for one in taken if one.signals != BARE)
    return max(1.0, 2000 * _HALF_CONNECTIONS / peak - usual / 4)


def _latency(kind: str, half: Measured, taken: list[Measured]) -> list[Row]:
    peak = max(one.load.rate for one in taken if one.signals != BARE)
    load, piece = half.load, f"Hot {kind} at half of its peak: p99"
    run = f"{load.p99:.1f} ms; p50 {load.p50:.1f} ms at {load.rate:,.0f}/s of {peak:,.0f}"
    return [
        judged(
            piece,
            run,
            load.p99,
            _LONGEST,
            shown=f"≤ {_LONGEST:.0f} ms",
            ratio=f"{load.p99 / load.p50:.1f} × p50",
        ),
        judged(f"{piece} in medians", f"{load.p99 / load.p50:.1f}", load.p99 / load.p50, _FACTOR),
    ]
