"""Throughput and p99 against load, as SVG without a library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.measured import Measured

_WIDTH, _HEIGHT = 360, 240
_LEFT, _TOP, _BOTTOM, _GAP = 60, 40, 50, 90
_COLOURS = {"resolve": "#0b6e99", "create": "#c2410c"}
_TICKS = 4


def draw(path: Path, measured: Sequence[Measured]) -> None:
    """Write two panels, requests a second and p99, over the number of connections."""
    panels: list[tuple[str, Callable[[Measured], float], float]] = [
        ("Requests a second", lambda one: one.load.rate, 0),
        ("p99, milliseconds", lambda one: one.load.p99, _LEFT + _WIDTH + _GAP),
    ]
    steps = sorted({one.connections for one in measured})
    body = []
    for title, value, left in panels:
        body += _panel(title, left + _LEFT, steps, measured, value)
    width = 2 * (_LEFT + _WIDTH) + _GAP + 20
    height = _TOP + _HEIGHT + _BOTTOM
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="system-ui,sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _panel(
    title: str,
    left: float,
    steps: Sequence[int],
    measured: Sequence[Measured],
    value: Callable[[Measured], float],
) -> list[str]:
    top = _round_up(max(value(one) for one in measured))
    base = _TOP + _HEIGHT

    def x(connections: int) -> float:
        return left + _WIDTH * steps.index(connections) / max(len(steps) - 1, 1)

    def y(number: float) -> float:
        return base - _HEIGHT * number / top

    out = [f'<text x="{left}" y="{_TOP - 16}" font-weight="600">{title}</text>']
    for tick in range(_TICKS + 1):
        number = top * tick / _TICKS
        out.append(
            f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y(number):.1f}" y2="{y(number):.1f}" '
            'stroke="#ddd"/>'
            f'<text x="{left - 8}" y="{y(number) + 4:.1f}" text-anchor="end">{number:,.0f}</text>'
        )
    out += [
        f'<text x="{x(step):.1f}" y="{base + 18}" text-anchor="middle">{step}</text>'
        for step in steps
    ]
    out.append(
        f'<text x="{left + _WIDTH / 2}" y="{base + 38}" text-anchor="middle">connections</text>'
    )
    for place, (what, colour) in enumerate(_COLOURS.items()):
        points = [(x(one.connections), y(value(one))) for one in measured if one.what == what]
        line = " ".join(f"{across:.1f},{up:.1f}" for across, up in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [
            f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="{colour}"/>'
            for across, up in points
        ]
        out.append(
            f'<text x="{left + _WIDTH - 10 - 70 * place}" y="{_TOP - 16}" text-anchor="end" '
            f'fill="{colour}">{what}</text>'
        )
    return out


def _round_up(number: float) -> float:
    """Return the next number whose quarters are easy to read."""
    scale = 1.0
    while number / scale > 10:
        scale *= 10
    return next(step * scale for step in (1, 2, 4, 8, 10) if step * scale >= number)
