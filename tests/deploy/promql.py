"""What our PromQL asks for, held against the catalogue of instruments."""

import functools
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "docker" / "prometheus"
DASHBOARDS = ROOT / "docker" / "grafana" / "dashboards"
RULES = tuple(sorted((PROMETHEUS / "rules").glob("*.yaml")))

# How OpenTelemetry's names become Prometheus's (OTel specification, Prometheus compatibility).
UNITS = {"s": "_seconds", "By": "_bytes", "1": "_ratio"}
SUFFIXES = {
    "counter": ("_total",),
    "updowncounter": ("",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
}
# Given by Prometheus and by the exporters to every series.
COMMON_LABELS = {"job", "instance", "le"}
WORDS = {
    *("and", "or", "unless", "by", "without", "on", "offset", "sum", "max", "min", "avg", "count"),
    *("rate", "increase", "changes", "last_over_time", "max_over_time", "time", "absent"),
    *("histogram_quantile", "label_values", "label_replace"),
}
_MATCHERS = re.compile(r"\{([^{}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on)\s*\(([^()]*)\)")
_REPLACED = re.compile(r'"(\w+)", "[^"]*", "(\w+)", "[^"]*"')
_STRING = re.compile(r'"[^"]*"')
_RANGE = re.compile(r"\[[^\]]*\]|\boffset \w+")
_NAME = re.compile(r"[A-Za-z_:][\w:]*")


@functools.cache
def series() -> dict[str, set[str]]:
    """Return every series that the catalogue leads to, with its labels."""
    text = (ROOT / "docs" / "metrics.toml").read_text(encoding="utf-8")
    found = {}
    for instrument in tomllib.loads(text)["instrument"]:
        name = instrument["name"].replace(".", "_") + UNITS.get(instrument["unit"], "")
        labels = {key.replace(".", "_") for key in instrument.get("attributes", {})}
        for suffix in SUFFIXES[instrument["kind"]]:
            found[name + suffix] = labels | COMMON_LABELS
    return found


def rules() -> list[dict[str, Any]]:
    """Return every recording and alerting rule."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def recorded() -> set[str]:
    """Return the names of the series that rules record."""
    return {rule["record"] for rule in rules() if "record" in rule}


def dashboards() -> dict[str, dict[str, Any]]:
    """Return the dashboards that Grafana loads, by file."""
    files = sorted(DASHBOARDS.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def panel_queries() -> Iterator[tuple[str, str]]:
    """Yield where a PromQL query of a panel stands, and the query."""
    for file, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                if target["datasource"]["type"] == "prometheus":
                    yield f"{file}: {panel['title']} {target['refId']}", target["expr"]


def alert_expressions() -> Iterator[tuple[str, str]]:
    """Yield each alert's name and expression."""
    for rule in rules():
        if "alert" in rule:
            yield f"alert {rule['alert']}", rule["expr"]


def queries() -> list[tuple[str, str]]:
    """Return every PromQL query of panels, records and alerts, and where it stands."""
    records = [(f"rule {rule['record']}", rule["expr"]) for rule in rules() if "record" in rule]
    return [*panel_queries(), *records, *alert_expressions()]


def shown_in_health() -> list[tuple[str, str]]:
    """Return what must have a value under traffic while all is well, and where it stands.

    An alert's own expression is empty then: every series that it names must be there, though.
    """
    asked = [
        (where, name)
        for where, query in queries()
        for name in sorted(names(query))
        if where.startswith("alert ")
    ]
    return [*(item for item in queries() if not item[0].startswith("alert ")), *asked]


def names(query: str) -> set[str]:
    """Return the series that a query names."""
    for pattern in (_MATCHERS, _GROUPING, _RANGE, _STRING):
        query = pattern.sub(" ", query)
    return set(_NAME.findall(query)) - WORDS


def labels(query: str) -> set[str]:
    """Return the labels that a query matches or groups by."""
    matched = {
        name
        for matchers in _MATCHERS.findall(query)
        for name in re.findall(r'([\w]+)\s*(?:=~|!~|!=|=)\s*"', matchers)
    }
    grouped = {
        name.strip() for group in _GROUPING.findall(query) for name in group.split(",") if name
    }
    # What label_replace makes comes from a label that the series must have.
    made = {new for new, _ in _REPLACED.findall(query)}
    return matched | (grouped - made) | {old for _, old in _REPLACED.findall(query)}
