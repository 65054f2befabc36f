"""Our server spans and HTTP metrics beside those of OpenTelemetry's Flask instrumentation."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.harness.servers import ROOT
from tests.performance.observed import REQUESTS

Recorded = dict[str, Any]


# All three processes start and serve in the first test's time.
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module", params=[1.0, 0.0], ids=["sampled", "not sampled"])
def recorded(request: pytest.FixtureRequest) -> dict[str, Recorded]:
    """Serve all requests with each of the three, in processes of their own."""
    started = {
        variant: subprocess.Popen(
            [sys.executable, "-m", "tests.performance.observed", variant, str(request.param)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            # Werkzeug lists allowed methods in the order of a set.
            env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
        )
        for variant in ("stock", "ours", "short")
    }
    found: dict[str, Recorded] = {}
    for variant, process in started.items():
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        found[variant] = json.loads(out)
    return found


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_leaves_the_same_spans(recorded: dict[str, Recorded], name: str) -> None:
    stock, ours = (recorded[variant]["requests"][name] for variant in ("stock", "ours"))

    assert ours == stock


@pytest.mark.parametrize("name", REQUESTS)
def test_an_answer_given_before_flask_leaves_the_same(
    recorded: dict[str, Recorded], name: str
) -> None:
    stock, short = (
        {
            **recorded[variant]["requests"][name],
            "spans": _without_children(recorded[variant]["requests"][name]["spans"]),
        }
        for variant in ("stock", "short")
    )

    assert short == stock


def _without_children(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what the view adds, which is not asked."""
    return [span for span in spans if span["name"] != "child"]


@pytest.mark.parametrize("variant", ["ours", "short"])
@pytest.mark.parametrize("name", ["http.server.request.duration", "http.server.active_requests"])
def test_a_metric_has_the_same_points(
    recorded: dict[str, Recorded], name: str, variant: str
) -> None:
    stock, ours = (recorded[which]["metrics"][name] for which in ("stock", variant))

    assert ours == stock


@pytest.mark.parametrize("variant", ["ours", "short"])
def test_there_is_no_other_metric(recorded: dict[str, Recorded], variant: str) -> None:
    assert set(recorded[variant]["metrics"]) == set(recorded["stock"]["metrics"])


def test_nothing_shows_what_somebody_put_into_the_path(recorded: dict[str, Recorded]) -> None:
    for name in REQUESTS:
        if name.startswith("somebody's URL"):
            spans = [recorded[variant]["requests"][name]["spans"] for variant in recorded]
            assert "s3cret" not in json.dumps(spans)
            assert all(
                span["attributes"]["url.path"].startswith("/items/https:/")
                for each in spans
                for span in each
                if span["kind"] == "SERVER"
            )


def test_the_comparison_sees_something(recorded: dict[str, Recorded]) -> None:
    requests = recorded["ours"]["requests"]

    assert requests["parent"]["spans"][0]["attributes"]["http.route"] == "/items/<name>"
    assert requests["untraced"]["spans"] == []
    assert requests["active requests"]["seen"]["body"].count('"value":1') == 1
    assert [span["name"] for span in requests["parent"]["spans"]] == ["GET /items/<name>", "child"]
    answered = recorded["short"]["requests"]["parent"]["spans"]
    assert [span["name"] for span in answered] == ["GET /items/<name>"]
