"""What a dashboard says of a quantile is near the truth: the buckets are where the values are."""

import math
import re
import shutil
import subprocess
import tomllib
from bisect import bisect_left
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import NormalDist

import pytest
import yaml
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

from telemetry import otel
from telemetry.buckets import BUCKETS
from tests.deploy.promql import ROOT, panel_queries

_QUANTILE = re.compile(r"histogram_quantile\(([\d.]+),.*?\b(\w+)_bucket\b")
SHOWN = sorted(
    {
        (found[2], float(found[1]))
        for _, query in panel_queries()
        for found in _QUANTILE.finditer(query)
    }
)
"""Every series with a quantile that a panel shows, and which."""
NAMES = {name.replace(".", "_") + "_seconds": name for name in BUCKETS}
WIDEST = 2.5
# What the OpenTelemetry semantic conventions advise: other services' dashboards ask by these.
ADVISED = {
    "http.server.request.duration": (
        *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
    ),
    "db.client.operation.duration": (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
}


def catalogued() -> dict[str, tuple[float, ...]]:
    """Return the buckets of each histogram as the catalogue tells them."""
    text = (ROOT / "docs" / "metrics.toml").read_text(encoding="utf-8")
    return {
        instrument["name"]: tuple(instrument["buckets"])
        for instrument in tomllib.loads(text)["instrument"]
        if instrument["kind"] == "histogram"
    }


def made_up(median: float, count: int = 1000) -> list[float]:
    """Return durations as they are usually spread, around a median in seconds."""
    spread = NormalDist(math.log(median), 0.5)
    return [math.exp(spread.inv_cdf((place + 0.5) / count)) for place in range(count)]


def recorded(name: str, values: list[float]) -> HistogramDataPoint:
    """Return what the SDK, under the service's views, makes of the values."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], views=otel.views(), shutdown_on_exit=False)
    histogram = provider.get_meter("test").create_histogram(name, "s")
    for value in values:
        histogram.record(value, {})
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    (point,) = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert isinstance(point, HistogramDataPoint)
    return point


def quantile(share: float, bounds: tuple[float, ...], counts: list[int]) -> float:
    """Return what Prometheus' `histogram_quantile` does of counts for each bucket."""
    rank = share * sum(counts)
    through = list(accumulate(counts))
    place = bisect_left(through, rank)
    if place == len(bounds):
        return bounds[-1]
    start = bounds[place - 1] if place else 0.0
    before = through[place] - counts[place]
    return start + (bounds[place] - start) * (rank - before) / counts[place]


@pytest.mark.parametrize("median", [0.0002, 0.00065, 0.003, 0.02, 0.08, 0.3, 1.2])
@pytest.mark.parametrize(("series", "share"), SHOWN)
def test_a_shown_quantile_is_within_a_bucket_of_the_truth(
    series: str, share: float, median: float
) -> None:
    values = made_up(median)
    truth = sorted(values)[math.ceil(share * len(values)) - 1]
    point = recorded(NAMES[series], values)
    bounds = tuple(point.explicit_bounds)

    shown = quantile(share, bounds, list(point.bucket_counts))
    place = bisect_left(bounds, truth)
    low, high = bounds[place - 1], bounds[place]
    assert low <= shown <= high
    assert high <= low * WIDEST


def test_quantiles_are_shown_of_requests_and_of_statements() -> None:
    assert {series for series, _ in SHOWN} == {
        "http_server_request_duration_seconds",
        "db_client_operation_duration_seconds",
    }


@pytest.mark.parametrize("name", BUCKETS)
def test_no_bucket_is_wide(name: str) -> None:
    assert max(high / low for low, high in pairwise(BUCKETS[name])) <= WIDEST


@pytest.mark.parametrize("name", ADVISED)
def test_the_advised_bounds_are_among_ours(name: str) -> None:
    assert set(ADVISED[name]) <= set(BUCKETS[name])


def test_every_histogram_has_buckets_and_the_catalogue_tells_them() -> None:
    assert catalogued() == dict(BUCKETS)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_reckons_as_we_do_here(tmp_path: Path) -> None:
    name = "db.client.operation.duration"
    point = recorded(name, made_up(0.00065))
    bounds = tuple(point.explicit_bounds)
    ours = quantile(0.99, bounds, list(point.bucket_counts))
    below, series = 0, []
    for bound, count in zip([*map(str, bounds), "+Inf"], point.bucket_counts, strict=True):
        below += count
        series.append({"series": f'd_bucket{{le="{bound}"}}', "values": str(below)})
    ask = f"abs(histogram_quantile(0.99, d_bucket) / {ours!r} - 1) < bool 1e-9"
    expected = {"expr": ask, "eval_time": "0m", "exp_samples": [{"labels": "{}", "value": 1}]}
    file = tmp_path / "quantile.yaml"
    file.write_text(
        yaml.safe_dump({"tests": [{"input_series": series, "promql_expr_test": [expected]}]})
    )

    subprocess.run(["promtool", "test", "rules", str(file)], check=True, timeout=30)
