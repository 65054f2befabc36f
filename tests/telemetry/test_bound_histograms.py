"""Values that are added to a series directly, beside those that the SDK takes itself."""

import json
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from telemetry.bound_histograms import BoundHistogram

NAME = "http.server.request.duration"
VIEWS = [
    View(
        instrument_name=NAME,
        attribute_keys={"route"},
        aggregation=ExplicitBucketHistogramAggregation((0.1, 1.0)),
    ),
    View(instrument_name=NAME, name="all"),
]
VALUES = [(0.05, "/a"), (0.5, "/a"), (0.5, "/b"), (7.0, "/a"), (0.5, "/a"), (0.1, "/b")]
DELTA = {Histogram: AggregationTemporality.DELTA}


def spanned(number: int) -> Context:
    """Return a context with a sampled span for odd numbers, one that is not for even ones."""
    ids = SpanContext(number + 1, number + 1, is_remote=False, trace_flags=TraceFlags(number % 2))
    return trace.set_span_in_context(NonRecordingSpan(ids), Context())


def points(reader: InMemoryMetricReader) -> Any:
    """Return all that was measured, without when."""
    data = reader.get_metrics_data()
    if data is None:
        return None
    found = json.loads(data.to_json())
    for metric in found["resource_metrics"][0]["scope_metrics"][0]["metrics"]:
        for point in metric["data"]["data_points"]:
            del point["start_time_unix_nano"], point["time_unix_nano"]
            for exemplar in point["exemplars"]:
                del exemplar["time_unix_nano"]
    return found["resource_metrics"][0]["scope_metrics"]


@pytest.mark.parametrize("temporality", [{}, DELTA], ids=["cumulative", "delta"])
def test_every_reader_sees_what_it_would_have_seen(
    temporality: dict[type, AggregationTemporality],
) -> None:
    seen = []
    for bound in (True, False):
        readers = [InMemoryMetricReader(temporality), InMemoryMetricReader()]
        provider = MeterProvider(readers, shutdown_on_exit=False, views=VIEWS)
        histogram = provider.get_meter("test").create_histogram(NAME)
        ours = BoundHistogram(histogram)
        collected = []
        for _ in range(3):
            for number, (value, route) in enumerate(VALUES):
                attributes: dict[str, str | int] = {"route": route, "status": 200}
                if bound:
                    ours.record(value, route, attributes, spanned(number))
                else:
                    histogram.record(value, attributes, spanned(number))
            collected += [points(reader) for reader in readers]
        assert not bound or ours.is_bound
        seen.append(collected)

    assert seen[0] == seen[1]


def test_a_reader_that_comes_later_gets_what_comes_later() -> None:
    first, second = InMemoryMetricReader(), InMemoryMetricReader()
    provider = MeterProvider([first], shutdown_on_exit=False)
    ours = BoundHistogram(provider.get_meter("test").create_histogram(NAME))
    ours.record(1.0, "a", {"a": 1}, Context())
    provider.add_metric_reader(second)
    for _ in range(2):
        ours.record(1.0, "a", {"a": 1}, Context())

    counts = [
        points(reader)[0]["metrics"][0]["data"]["data_points"][0]["count"]
        for reader in (first, second)
    ]

    assert counts == [3, 2]


def test_this_sdk_still_has_the_names_that_series_are_found_by() -> None:
    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    ours = BoundHistogram(provider.get_meter("test").create_histogram(NAME))
    ours.record(1.0, "a", {"a": 1}, Context())

    assert ours.is_bound, (
        "the SDK's histogram or its storage has changed: each value goes the slow way now;"
        " see telemetry/bound_histograms.py"
    )


def test_with_another_sdk_each_value_goes_the_official_way() -> None:
    recorded = []

    class Other:
        def record(self, *given: Any) -> None:
            recorded.append(given)

    ours = BoundHistogram(Other())  # type: ignore[arg-type]
    for _ in range(2):
        ours.record(1.0, "a", {"a": 1}, Context())

    assert recorded == [(1.0, {"a": 1}, Context())] * 2
    assert not ours.is_bound


def test_without_a_provider_nothing_is_kept() -> None:
    ours = BoundHistogram(
        MeterProvider(shutdown_on_exit=False).get_meter("x").create_histogram("a")
    )
    for _ in range(2):
        ours.record(1.0, "a", {"a": 1}, Context())

    assert ours.is_bound
