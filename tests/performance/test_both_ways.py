"""The ways of a visit beside Flask's alone: no request can tell which of them it went."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.harness.servers import ROOT, Database
from tests.performance.both_ways import CODES, TOO_LONG

COUNT = 800
WAYS = ("short", "direct", "long")
"""All together, without the short way, Flask's alone."""
SETTINGS: dict[str, dict[str, str]] = {
    "as in production": {"ENV": "production", "RATE_LIMIT_RESOLVE": "60/minute"},
    "as a developer": {"ENV": "local", "RATE_LIMIT_ENABLED": "false"},
    "permanent, two proxies, not sampled": {
        "REDIRECT_STATUS": "301",
        "TRUSTED_PROXIES": "2",
        "OTEL_TRACES_SAMPLER": "always_off",
        "CORS_ALLOWED_ORIGINS": "https://fonsecaaso.com,https://evil.example",
    },
    "half sampled, quiet, no proxy": {
        "REDIRECT_STATUS": "307",
        "TRUSTED_PROXIES": "0",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0",
        "LOG_LEVEL": "warn",
        "RATE_LIMIT_RESOLVE": "300/minute",
    },
}
# What hangs on how busy the machine is, and on threads in the background.
_BY_TIME = ("shortener.database.waits", "shortener.visits.")
Recorded = dict[str, Any]
# Both processes start and serve in the first test's time.
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module", params=SETTINGS)
def recorded(request: pytest.FixtureRequest, module_database: Database) -> dict[str, Recorded]:
    """Serve the same requests by each way, in processes of their own."""
    with module_database.connect() as connection:
        for number, code in enumerate(CODES):
            connection.execute(
                "INSERT INTO urls (id, original_url) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (code, f"https://e.com/{number}?q=ü" if number % 2 else f"e.com/{number}"),
            )
        connection.execute(
            "UPDATE urls SET original_url = %s WHERE id = %s",
            (f"https://e.com/{'日' * 8_000}", TOO_LONG),
        )
    # Not chosen by the order of the tests: a failure is seen again.
    seed = 1 + list(SETTINGS).index(request.param)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": "0",  # Werkzeug lists allowed methods in the order of a set
        "JWT_SECRET": "a-secret-of-the-tests-0123456789abcdef",
        "POSTGRES_SSLMODE": "prefer",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        **module_database.environment,
        **SETTINGS[request.param],
    }
    started = {
        way: subprocess.Popen(
            [sys.executable, "-m", "tests.performance.both_ways", way, str(seed), str(COUNT)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        for way in WAYS
    }
    found: dict[str, Recorded] = {}
    for way, process in started.items():
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        found[way] = json.loads(out)
    return found


@pytest.mark.parametrize("way", ["short", "direct"])
def test_no_request_can_tell_the_ways_apart(recorded: dict[str, Recorded], way: str) -> None:
    ours, long = (recorded[each]["seen"] for each in (way, "long"))

    assert [one["request"] for one in ours] == [one["request"] for one in long]
    for mine, theirs in zip(ours, long, strict=True):
        assert mine == theirs


def test_all_metrics_are_the_same(recorded: dict[str, Recorded]) -> None:
    short, direct, long = (
        {
            name: metric
            for name, metric in recorded[way]["metrics"].items()
            if name.startswith(("http.", "shortener.")) and not name.startswith(_BY_TIME)
        }
        for way in WAYS
    )

    assert short == long
    assert direct == long


def test_the_comparison_sees_both_ways(recorded: dict[str, Recorded]) -> None:
    assert recorded["long"]["short"] == 0
    assert sum(len(one["visits"]) for one in recorded["long"]["seen"]) > COUNT / 20
    assert COUNT / 20 < recorded["short"]["short"] < len(recorded["short"]["seen"])
