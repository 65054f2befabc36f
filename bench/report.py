"""Put the last results into docs/performance.md, between marks that name their files."""

from __future__ import annotations

import json
import re

from bench.stores import ROOT

_PAGE = ROOT / "docs" / "performance.md"
_RESULTS = ROOT / "bench" / "results"
_MARKED = re.compile(r"(<!-- results: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def write() -> None:
    """Replace each marked table by the one last measured; leave what was never measured."""
    page = _PAGE.read_text()
    _PAGE.write_text(_MARKED.sub(_table, page))


def _table(marked: re.Match[str]) -> str:
    path = _RESULTS / f"{marked[2]}.json"
    if not path.exists():
        return marked[0]
    result = json.loads(path.read_text())
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    table = "\n".join(result["table"])
    return f"{marked[1]}\n{table}\n\n{result['measured'][:10]}; {machine}\n\n{marked[3]}"


if __name__ == "__main__":
    write()
