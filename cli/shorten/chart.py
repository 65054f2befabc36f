"""A small chart of columns for the terminal, in eighths of a block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

HEIGHT = 7
_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " .#"
_WIDEST = 5


@dataclass(frozen=True, slots=True)
class Columns:
    """How steps are laid out: `merged` steps a column, each `width` wide with its gap."""

    count: int
    merged: int
    width: int


def columns(steps: int, room: int) -> Columns:
    """Fit steps into so many characters; where there are too many, several share a column."""
    merged = max(1, math.ceil(steps / max(room, 1)))
    count = math.ceil(steps / merged)
    return Columns(count, merged, max(1, min(_WIDEST, room // max(count, 1))))


def merge(values: Sequence[int], layout: Columns) -> list[int]:
    """Add up what shares a column."""
    size = layout.merged
    return [sum(values[at : at + size]) for at in range(0, len(values), size)]


def chart(values: Sequence[int], layout: Columns, *, style: str, has_blocks: bool) -> list[Text]:
    """Return the lines of a chart from the top, its axis at the left."""
    blocks = _BLOCKS if has_blocks else _ASCII
    most = max(values, default=0)
    top = f"{most:,}"
    margin = len(top)
    lines = []
    for row in range(HEIGHT - 1, -1, -1):
        label = top if row == HEIGHT - 1 else "0" if row == 0 else ""
        line = Text(label.rjust(margin), "dim")
        line.append(" ┤" if has_blocks and label else " |" if not has_blocks else " │", "dim")
        for value in values:
            line.append(_cell(_part(value, most, row), blocks, layout), style)
        lines.append(line)
    return lines


def spark(values: Sequence[int], layout: Columns, *, style: str, has_blocks: bool) -> Text:
    """Return one line of the same columns, to be read for its shape."""
    blocks = _BLOCKS if has_blocks else _ASCII
    most = max(values, default=0)
    line = Text()
    for value in values:
        part = value / most if most else 0.0
        line.append(_cell(part, blocks, layout), style)
    return line


def bar(part: float, width: int, *, has_blocks: bool) -> str:
    """Return a bar that fills a part of the width, at least a sliver where there is anything."""
    if not has_blocks:
        return "#" * max(round(part * width), 1 if part else 0)
    eighths = max(round(part * width * 8), 1 if part else 0)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]


def _part(value: int, most: int, row: int) -> float:
    """Return how much of a row's cell a value fills."""
    if not most:
        return 0.0
    return min(max(value / most * HEIGHT - row, 0.0), 1.0)


def _cell(part: float, blocks: str, layout: Columns) -> str:
    steps = len(blocks) - 1
    # A value that is not zero is always seen; a row that is only begun stays empty.
    block = blocks[min(steps, math.ceil(part * steps))]
    solid = layout.width - 1 if layout.width > 1 else 1
    return block * solid + " " * (layout.width - solid)
