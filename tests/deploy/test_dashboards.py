"""Dashboards and rules against the catalogue, the data sources and the rules' own tests."""

import itertools
import runpy
import shutil
import subprocess

import pytest
import yaml

from tests.deploy.promql import (
    COMMON_LABELS,
    PROMETHEUS,
    ROOT,
    RULES,
    dashboards,
    labels,
    names,
    queries,
    recorded,
    rules,
    series,
)

GRAFANA = ROOT / "docker" / "grafana"
ALERT_TESTS = PROMETHEUS / "tests" / "alerts.yaml"
QUERIES = queries()
LOKI_LABELS = {"service_name", "environment", "level"}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (package prometheus)"
)
BUSY = 180
"""Seconds for what takes a few, on a machine that others use too."""


@pytest.mark.parametrize(("where", "query"), QUERIES)
def test_a_query_names_only_what_the_catalogue_has(where: str, query: str) -> None:
    asked = names(query)

    assert asked
    assert asked - series().keys() - recorded() - {"up"} == set()


@pytest.mark.parametrize(("where", "query"), QUERIES)
def test_a_query_uses_only_labels_that_its_series_have(where: str, query: str) -> None:
    known = series()

    allowed = COMMON_LABELS.union(*(known.get(name, set()) for name in names(query)))
    assert labels(query) - allowed == set()


def test_dashboards_are_as_generated() -> None:
    generated = runpy.run_path(str(GRAFANA / "generate.py"))["generated"]()

    assert {path: path.read_text(encoding="utf-8") for path in generated} == generated
    assert {path.stem for path in generated} == dashboards().keys()


def test_every_data_source_that_is_used_exists() -> None:
    path = GRAFANA / "provisioning" / "datasources" / "datasources.yaml"
    sources = yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]
    known = {source["uid"]: source["type"] for source in sources}

    used = {
        (item["uid"], item["type"])
        for dashboard in dashboards().values()
        for panel in dashboard["panels"]
        for item in (panel["datasource"], *(target["datasource"] for target in panel["targets"]))
    }
    assert used <= known.items()
    assert {"prometheus", "loki", "tempo"} == known.keys()


def test_each_signal_leads_to_the_others() -> None:
    path = GRAFANA / "provisioning" / "datasources" / "datasources.yaml"
    sources = yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]
    options = {source["uid"]: source["jsonData"] for source in sources}

    (exemplar,) = options["prometheus"]["exemplarTraceIdDestinations"]
    (field,) = options["loki"]["derivedFields"]
    assert (exemplar["name"], exemplar["datasourceUid"]) == ("trace_id", "tempo")
    assert (field["matcherRegex"], field["datasourceUid"]) == ("trace_id", "tempo")
    assert options["tempo"]["tracesToLogsV2"]["datasourceUid"] == "loki"
    assert "trace_id=" in options["tempo"]["tracesToLogsV2"]["query"]
    assert options["tempo"]["tracesToMetrics"]["datasourceUid"] == "prometheus"


def test_identifiers_are_unique() -> None:
    found = dashboards().values()

    assert len({dashboard["uid"] for dashboard in found}) == len(found)
    for dashboard in found:
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids)


def test_panels_do_not_overlap() -> None:
    for dashboard in dashboards().values():
        places = [panel["gridPos"] for panel in dashboard["panels"]]
        for one, other in itertools.combinations(places, 2):
            beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert beside or below
        assert all(place["x"] + place["w"] <= 24 for place in places)


def test_log_panels_select_by_the_labels_that_loki_gets() -> None:
    found = [
        target["expr"]
        for dashboard in dashboards().values()
        for panel in dashboard["panels"]
        for target in panel["targets"]
        if target["datasource"]["type"] == "loki"
    ]

    assert found
    for query in found:
        assert labels(query) <= LOKI_LABELS


@needs_promtool
def test_promtool_takes_the_configuration_and_the_rules() -> None:
    for command in (
        ["promtool", "check", "config", str(PROMETHEUS / "prometheus.yaml")],
        ["promtool", "check", "rules", "--lint-fatal", *map(str, RULES)],
    ):
        subprocess.run(command, check=True, timeout=30)


@needs_promtool
def test_the_go_services_series_are_recorded() -> None:
    tests = PROMETHEUS / "tests" / "go-service.yaml"
    subprocess.run(["promtool", "test", "rules", str(tests)], check=True, timeout=BUSY)


@needs_promtool
@pytest.mark.timeout(BUSY + 20)
def test_alerts_fire_and_clear() -> None:
    subprocess.run(["promtool", "test", "rules", str(ALERT_TESTS)], check=True, timeout=BUSY)


def test_every_alert_is_shown_to_fire_and_to_clear() -> None:
    tests = yaml.safe_load(ALERT_TESTS.read_text(encoding="utf-8"))["tests"]
    shown = {
        (case["alertname"], bool(case["exp_alerts"]))
        for test in tests
        for case in test["alert_rule_test"]
    }

    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert shown == set(itertools.product(alerts, (True, False)))


def test_every_alert_says_how_urgent_it_is() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert rule["annotations"]["summary"]
