"""docs/reliability.md, "Who names the cause": rows, alerts and tests that there are."""

import ast
import re

from app.doctor.checks import checks
from app.doctor.situation import Options, Situation
from tests.deploy.promql import rules
from tests.doctor.conftest import Environment
from tests.harness.servers import ROOT

FAULTS = 18


def _table() -> list[list[str]]:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    part = text.partition("## Who names the cause\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_fault_has_a_row_an_alert_and_a_test() -> None:
    table = _table()

    assert len(table) == FAULTS
    assert all(len(row) == 4 and all(map(_names, row[1:])) for row in table)


def test_rows_and_alerts_exist(plain: Environment) -> None:
    situation = Situation.of(plain, Options())
    rows = {row for check in checks(situation) for row in check.rows}
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}

    named = [(set(_names(row[1])), set(_names(row[2]))) for row in _table()]

    assert set().union(*(each for each, _ in named)) - rows == set()
    assert set().union(*(each for _, each in named)) - alerts == set()


def test_tests_exist() -> None:
    for row in _table():
        for name in _names(row[3]):
            file, _, function = name.partition("::")
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            assert function in {getattr(node, "name", "") for node in tree.body}, name
