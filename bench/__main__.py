"""`python -m bench` is `make bench`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import counting, cpu, growth, lists, outages, report, running, visits
from bench.stores import ROOT, Stores, stores
from bench.table import MISSED, Row, render, write

RESULTS = ROOT / "bench" / "results"
_GROWTH = 1_000_000
"""Links, for a table in minutes; `make growth` takes ten times as many."""

Part = Callable[[Stores], list[Row]]
PARTS: dict[str, Part] = {
    "cpu": lambda made: cpu.rows(cpu.measure(made)),
    "growth": lambda made: growth.rows(made, _GROWTH),
    "lists": lists.rows,
    "visits": visits.measure,
    "counting": counting.measure,
    "line": lambda made: [running.line(made)],
    "start": lambda made: [running.start(made)],
    "memory": running.memory,
    "outages": outages.measure,
}


def main() -> int:
    """Measure, print the table, write it as JSON; status 1 if a budget was missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="only these parts")
    parser.add_argument("--links", type=int, help="growth with so many links")
    given = parser.parse_args()
    wanted = given.parts or list(PARTS)
    if given.links:
        PARTS["growth"] = lambda made: growth.rows(made, given.links)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, stores(Path(folder)) as made:
        for name in wanted:
            print(f"Measuring: {name}", file=sys.stderr, flush=True)
            measured = PARTS[name](made)
            many = given.links if name == "growth" else None
            write(RESULTS / f"{name}{f'-{many}' if many else ''}.json", measured)
            rows += measured
    print(render(rows))
    report.write()
    return int(any(row.verdict == MISSED for row in rows))


if __name__ == "__main__":
    sys.exit(main())
