"""The table that `make bench` prints, and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

MET = "met"
MISSED = "MISSED"


@dataclass(frozen=True)
class Row:
    """One measured piece."""

    piece: str
    run: str
    """What this run measured, with its unit."""
    ratio: str = ""
    """To the bare Flask view of the same run, or to the healthy case."""
    budget: str = ""
    verdict: str = ""
    reason: str = ""
    """Why a budget was missed, where that is known."""


def judged(
    piece: str, run: str, value: float, budget: float, *, ratio: str = "", shown: str = ""
) -> Row:
    """Return the row of a value that must be at most `budget`."""
    verdict = MET if value <= budget else MISSED
    return Row(piece, run, ratio, shown or f"≤ {budget:g}", verdict)


def at_least(piece: str, run: str, value: float, budget: float, *, ratio: str = "") -> Row:
    """Return the row of a value that must be at least `budget`."""
    return Row(piece, run, ratio, f"≥ {budget:g}", MET if value >= budget else MISSED)


def render(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table that is also readable on a terminal."""
    lines = [("Piece", "This run", "Ratio", "Budget", "Verdict")]
    lines += [(row.piece, row.run, row.ratio, row.budget, row.verdict or "–") for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    texts = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    texts.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    reasons = [f"{row.piece}: {row.reason}" for row in rows if row.reason]
    return "\n".join(texts + [""] * bool(reasons) + reasons)


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows and the machine as JSON."""
    write_json(path, [asdict(row) for row in rows], render(rows))


def write_json(path: Path, rows: Sequence[object], table: str) -> None:
    """Write rows of any kind with the machine, and the table that shows them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "rows": rows,
        "table": table.split("\n"),
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def machine() -> dict[str, str]:
    """Describe where this runs, without any name of the place."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
    )
    return {
        "cpu": f"{len(names)} × {names[0]}" if names else platform.machine(),
        "python": platform.python_version(),
        "kernel": platform.release().partition("-")[0],
        "load before": f"{os.getloadavg()[0]:.1f}",
        "commit": commit.stdout.strip(),
    }
