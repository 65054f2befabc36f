"""Each fault brings its alerts and no other; each neighbour of a fault brings none."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.alert_faults import (
    BEGINS,
    COUNTERS,
    ENDS,
    FAULTS,
    GONE,
    LENGTH,
    NEIGHBOURS,
    REPORT,
    STATES,
    STEP,
    WORKERS,
    Fault,
)
from tests.deploy.promql import RULES, rules

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (package prometheus)"
)

DURING, AFTER = (BEGINS + 34) * STEP, (LENGTH - 1) * STEP
"""Seconds: a quarter of an hour and more into the fault, half an hour and more after it."""
FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})'


def _counter(step: int, before: float, name: str, fault: Fault, *, hit: bool) -> tuple[float, str]:
    """Return the counter's next value, and what of it is seen."""
    changed = hit and BEGINS <= step < ENDS
    grows = fault.changes.get(name, COUNTERS.get(name, 0)) if changed else COUNTERS.get(name, 0)
    if grows == GONE:
        return before, GONE
    value = before + float(grows)
    # What only the fault counts is not there before it.
    return value, GONE if name not in COUNTERS and step < BEGINS else f"{value:g}"


def _state(step: int, name: str, fault: Fault, *, hit: bool) -> str:
    value: Any = STATES[name]
    if hit and BEGINS <= step < ENDS:
        value = fault.changes.get(name, value)
    if value in {GONE, "ended"}:
        return GONE if value == GONE else "0"
    if name != REPORT:
        return f"{value:g}"
    return f"{BEGINS * STEP}" if value == "stuck" else f"{step * STEP + value:g}"


def _values(name: str, fault: Fault, *, hit: bool) -> str:
    if name in STATES:
        return " ".join(_state(step, name, fault, hit=hit) for step in range(LENGTH))
    value, seen = 0.0, []
    for step in range(LENGTH):
        value, shown = _counter(step, value, name, fault, hit=hit)
        seen.append(shown)
    return " ".join(seen)


def _series(fault: Fault) -> list[dict[str, str]]:
    names = dict.fromkeys([*COUNTERS, *STATES, *fault.changes])
    series = []
    for worker in WORKERS:
        for name in names:
            metric, _, labels = name.partition("{")
            inner = ", ".join(
                part for part in (f'job="go-backend", instance="{worker}"', labels[:-1]) if part
            )
            values = _values(name, fault, hit=worker in fault.workers)
            series.append({"series": f"{metric}{{{inner}}}", "values": values})
    up = " ".join(fault.collector if BEGINS <= step < ENDS else "1" for step in range(LENGTH))
    series.append({"series": 'up{job="collector", instance="collector:8889"}', "values": up})
    return series


def _expected(alerts: set[str], seconds: int) -> dict[str, Any]:
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(alerts)]
    return {"expr": FIRING, "eval_time": f"{seconds}s", "exp_samples": samples}


@pytest.mark.parametrize("fault", [*FAULTS, *NEIGHBOURS], ids=lambda fault: fault.name)
def test_a_fault_brings_its_alerts_and_no_other(fault: Fault, tmp_path: Path) -> None:
    test = {
        "interval": f"{STEP}s",
        "input_series": _series(fault),
        "promql_expr_test": [_expected(fault.alerts, DURING), _expected(set(), AFTER)],
    }
    file = tmp_path / "fault.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(path) for path in RULES],
                "evaluation_interval": "2m",
                "tests": [test],
            }
        ),
        encoding="utf-8",
    )

    done = subprocess.run(
        ["promtool", "test", "rules", str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_fault() -> None:
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}

    assert set().union(*(fault.alerts for fault in FAULTS)) == alerts


def test_a_fault_that_no_user_notices_wakes_nobody() -> None:
    pages = {rule["alert"] for rule in rules() if rule.get("labels") == {"severity": "page"}}

    for fault in FAULTS:
        if fault.name.startswith(("Redis", "Loki", "the collector stopped")):
            assert fault.alerts & pages == set(), fault.name
