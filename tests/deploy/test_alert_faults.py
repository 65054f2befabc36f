"""Each fault brings its alerts and no other; each neighbour of a fault brings none."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
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

BUSY = 180
"""Seconds for what takes one, on a machine that others use too."""
pytestmark = [
    pytest.mark.timeout(BUSY + 20),
    pytest.mark.skipif(
        shutil.which("promtool") is None, reason="promtool is not installed (package prometheus)"
    ),
]

DURING, AFTER = (BEGINS + 34) * STEP, (LENGTH - 1) * STEP
"""Seconds: a quarter of an hour and more into the fault, half an hour and more after it."""
_ALL = (*FAULTS, *NEIGHBOURS)
# What is everybody's: that nobody reports, that the collector cannot be read.
ALONE = [fault for fault in _ALL if fault.collector != "1" or "NoMetrics" in fault.alerts]
TOGETHER = [fault for fault in _ALL if fault not in ALONE]


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


def _series(fault: Fault) -> Iterator[dict[str, str]]:
    """Yield what Prometheus is shown of a service whose name is the fault's."""
    for worker in WORKERS:
        for name in dict.fromkeys([*COUNTERS, *STATES, *fault.changes]):
            metric, _, labels = name.partition("{")
            inner = ", ".join(
                part for part in (f'job="{fault.name}", instance="{worker}"', labels[:-1]) if part
            )
            values = _values(name, fault, hit=worker in fault.workers)
            yield {"series": f"{metric}{{{inner}}}", "values": values}


def _up(fault: Fault) -> dict[str, str]:
    values = " ".join(fault.collector if BEGINS <= step < ENDS else "1" for step in range(LENGTH))
    return {"series": 'up{job="collector", instance="collector:8889"}', "values": values}


def _expected(jobs: str, alerts: set[str], seconds: int) -> dict[str, Any]:
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(alerts)]
    firing = f'group by (alertname) (ALERTS{{alertstate="firing", job=~"{jobs}"}})'
    return {"expr": firing, "eval_time": f"{seconds}s", "exp_samples": samples}


def _run(faults: list[Fault], jobs: Callable[[Fault], str], file: Path) -> None:
    """Let promtool look at the faults, each a service of its own; fail with what it says."""
    test = {
        "interval": f"{STEP}s",
        "input_series": [
            *(series for fault in faults for series in _series(fault)),
            _up(faults[0]),
        ],
        "promql_expr_test": [
            _expected(jobs(fault), alerts, seconds)
            for fault in faults
            for alerts, seconds in ((fault.alerts, DURING), (set(), AFTER))
        ],
    }
    content = {
        "rule_files": [str(path) for path in RULES],
        "evaluation_interval": "2m",
        "tests": [test],
    }
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=BUSY,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_faults_bring_their_alerts_and_no_other(tmp_path: Path) -> None:
    # All in one go, each under its own name: promtool evaluates the rules once.
    _run(
        TOGETHER,
        lambda fault: re.escape(fault.name).replace("\\", "\\\\"),
        tmp_path / "faults.yaml",
    )


@pytest.mark.parametrize("fault", ALONE, ids=lambda fault: fault.name)
def test_a_fault_that_hits_everybody_brings_its_alerts_and_no_other(
    fault: Fault, tmp_path: Path
) -> None:
    _run([fault], lambda _fault: ".*", tmp_path / "fault.yaml")


def test_every_alert_has_a_fault() -> None:
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}

    assert set().union(*(fault.alerts for fault in FAULTS)) == alerts


def test_a_fault_that_no_user_notices_wakes_nobody() -> None:
    pages = {rule["alert"] for rule in rules() if rule.get("labels") == {"severity": "page"}}

    for fault in FAULTS:
        if fault.name.startswith(("Redis", "Loki", "the collector stopped")):
            assert fault.alerts & pages == set(), fault.name
