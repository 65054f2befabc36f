"""Every window follows from the one interval at which metrics are exported."""

import re

import pytest
import yaml

from local.observability.servers import COLLECTOR_CONFIGURATION
from telemetry.config import EXPORT_INTERVAL
from tests.deploy.promql import ROOT, queries, rules
from tests.deploy.task import rendered

SHORTEST = 4 * EXPORT_INTERVAL
"""Seconds of a rate: one export may fail and one be late, and two are left to compare."""
LOOK_BACK = 300
"""Seconds that Prometheus takes the last value for the present one."""
_UNITS = {"s": 1, "m": 60, "h": 3600}
_SOURCES = ROOT / "docker" / "grafana" / "provisioning" / "datasources" / "datasources.yaml"
SOURCES = {
    source["uid"]: source["jsonData"]
    for source in yaml.safe_load(_SOURCES.read_text(encoding="utf-8"))["datasources"]
}


def seconds(text: str) -> float:
    """Return the seconds of a duration such as 90s."""
    return float(text[:-1]) * _UNITS[text[-1]]


def windows(query: str) -> list[float]:
    """Return the windows of a query that are given in figures."""
    return [seconds(window) for window in re.findall(r"\[(\d+[smh])\]", query)]


def test_grafana_takes_the_export_interval_for_the_step() -> None:
    assert seconds(SOURCES["prometheus"]["timeInterval"]) == EXPORT_INTERVAL


@pytest.mark.parametrize(("where", "query"), queries())
def test_no_window_is_too_short_for_a_rate(where: str, query: str) -> None:
    assert all(window >= SHORTEST for window in windows(query))
    assert all(seconds(offset) >= SHORTEST for offset in re.findall(r"offset (\d+[smh])", query))


def test_a_traces_metrics_are_asked_for_over_a_window_that_is_long_enough() -> None:
    for item in SOURCES["tempo"]["tracesToMetrics"]["queries"]:
        assert min(windows(item["query"])) >= SHORTEST


def test_a_dashboard_leaves_its_windows_to_grafana() -> None:
    for where, query in queries():
        if not where.startswith(("rule ", "alert ")):
            assert windows(query) == [], where


def test_who_lives_is_told_by_the_shortest_window() -> None:
    (alive,) = (rule["expr"] for rule in rules() if rule.get("record") == "worker:alive")

    assert windows(alive) == [SHORTEST]
    assert re.findall(r"offset (\w+)", alive) == [f"{SHORTEST / 60:.0f}m"]


def test_the_collector_forgets_who_is_silent_but_not_who_is_late() -> None:
    exporter = yaml.safe_load(COLLECTOR_CONFIGURATION.read_text(encoding="utf-8"))["exporters"][
        "prometheus"
    ]

    kept = seconds(exporter["metric_expiration"])
    assert 3 * EXPORT_INTERVAL <= kept < min(SHORTEST, LOOK_BACK)


def test_production_and_the_local_stack_export_at_that_interval() -> None:
    text = (ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8")
    names = {item["name"] for item in rendered()["containerDefinitions"][0]["environment"]}

    assert "OTEL_METRIC_EXPORT_INTERVAL" not in names
    assert "OTEL_METRIC_EXPORT_INTERVAL" not in text
