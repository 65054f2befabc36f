"""Write the dashboards that Grafana loads, from panels/*.toml: python docker/grafana/generate.py.

Grafana's JSON repeats for every panel what is the same in all; a person edits the TOML.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT, COLUMNS = 8, 8, 3
"""Of a panel, on Grafana's grid of 24 columns."""
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
LOKI = {"type": "loki", "uid": "loki"}

Json = dict[str, Any]


def _series(panel: Json) -> Json:
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": PROMETHEUS,
            "expr": expression,
            "legendFormat": legend,
            "exemplar": panel.get("exemplars", False),
        }
        for number, (expression, legend) in enumerate(panel["queries"])
    ]
    return {
        "type": "timeseries",
        "datasource": PROMETHEUS,
        "fieldConfig": {"defaults": {"unit": panel["unit"], "min": 0}, "overrides": []},
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": targets,
    }


def _lines(panel: Json) -> Json:
    return {
        "type": "logs",
        "datasource": LOKI,
        "options": {"showTime": True, "wrapLogMessage": True, "enableLogDetails": True},
        "targets": [{"refId": "A", "datasource": LOKI, "expr": panel["logs"]}],
    }


def _panel(number: int, panel: Json) -> Json:
    row, column = divmod(number, COLUMNS)
    return {
        "id": number + 1,
        "title": panel["title"],
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        **(_lines(panel) if "logs" in panel else _series(panel)),
    }


def dashboard(source: Json) -> Json:
    """Return the dashboard that a file of panels describes."""
    job = {
        "name": "job",
        "label": "Service",
        "type": "query",
        "datasource": PROMETHEUS,
        "query": "label_values(http_server_active_requests, job)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }
    return {
        "uid": source["uid"],
        "title": source["title"],
        "description": source["description"],
        "tags": ["shortener"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "links": [{"type": "dashboards", "title": "Shortener", "tags": ["shortener"]}],
        "templating": {"list": [job]},
        "panels": [_panel(number, panel) for number, panel in enumerate(source["panel"])],
    }


def generated() -> dict[Path, str]:
    """Return each dashboard's file and text."""
    return {
        HERE / "dashboards" / f"{path.stem}.json": json.dumps(
            dashboard(tomllib.loads(path.read_text(encoding="utf-8"))), indent=2
        )
        + "\n"
        for path in sorted((HERE / "panels").glob("*.toml"))
    }


if __name__ == "__main__":
    for file, text in generated().items():
        file.write_text(text, encoding="utf-8")
