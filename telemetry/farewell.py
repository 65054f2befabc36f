"""The last metrics of a worker: nothing that belongs to the living is left behind.

A collector goes on showing a series for minutes after its last export (five, unless it is told
otherwise): a circuit breaker of a task that is gone stays open, its connections stay allowed. So
the last export of a worker sets to 0 whatever is a state: gauges, and sums that go up and down.
Counters and histograms are history and stay as they are.
"""

from __future__ import annotations

import dataclasses

from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)


def farewell(data: MetricsData) -> MetricsData:
    """Return the data with every state at 0."""
    return MetricsData([_of_resource(each) for each in data.resource_metrics])


def _of_resource(metrics: ResourceMetrics) -> ResourceMetrics:
    return dataclasses.replace(metrics, scope_metrics=[_of_scope(m) for m in metrics.scope_metrics])


def _of_scope(metrics: ScopeMetrics) -> ScopeMetrics:
    return dataclasses.replace(metrics, metrics=[_ended(metric) for metric in metrics.metrics])


def _ended(metric: Metric) -> Metric:
    data = metric.data
    if not isinstance(data, Gauge) and not (isinstance(data, Sum) and not data.is_monotonic):
        return metric
    points = [_zero(point) for point in data.data_points]
    return dataclasses.replace(metric, data=dataclasses.replace(data, data_points=points))


def _zero(point: NumberDataPoint) -> NumberDataPoint:
    return dataclasses.replace(point, value=0)
