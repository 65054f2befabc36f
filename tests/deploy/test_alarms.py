"""The alarms as they come into being: the recommended ones, and the objectives' burn rates."""

import json
import math
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from telemetry.watch import Report
from tests.deploy.fake_aws import Outputs, client
from tests.deploy.metric_math import is_on
from tests.deploy.templates import Resolver, load


def _alarms() -> dict[str, Any]:
    found = client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {item["AlarmName"]: item for item in found}


def _composite_alarm(name: str, outputs: Outputs) -> Any:
    exports = {"tinyurl-AlarmTopicArn": outputs["alarms"]["TopicArn"]}
    resolve = Resolver(load("objectives"), {}, exports)
    (properties,) = (
        resource["Properties"]
        for resource in resolve.template["Resources"].values()
        if resource["Properties"]["AlarmName"] == name
    )
    return resolve(properties)


@pytest.mark.parametrize(
    ("name", "metric", "threshold", "seconds"),
    [
        ("shortener-cpu", "CPUUtilization", 80, 300),
        ("shortener-memory", "MemoryUtilization", 90, 300),
        ("shortener-unhealthy-targets", "UnHealthyHostCount", 0, 120),
        ("shortener-5xx", "HTTPCode_Target_5XX_Count", 10, 300),
    ],
)
def test_the_recommended_alarms(
    outputs: Outputs, name: str, metric: str, threshold: int, seconds: int
) -> None:
    alarm = _alarms()[name]
    stats = [item["MetricStat"] for item in alarm.get("Metrics", []) if "MetricStat" in item]
    metrics = [stat["Metric"]["MetricName"] for stat in stats] or [alarm["MetricName"]]
    period = stats[0]["Period"] if stats else alarm["Period"]

    assert metric in metrics
    assert alarm["Threshold"] == threshold
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert period * alarm["EvaluationPeriods"] == seconds
    assert alarm["AlarmActions"] == [outputs["alarms"]["TopicArn"]]


@pytest.mark.parametrize("objective", ["availability", "latency"])
@pytest.mark.parametrize(
    ("speed", "factor", "windows"),
    [("fast", 14.4, {"long": 3600, "short": 300}), ("slow", 6, {"long": 21600, "short": 1800})],
)
def test_burn_rates(
    outputs: Outputs, objective: str, speed: str, factor: float, windows: dict[str, int]
) -> None:
    name = f"shortener-{objective}-{speed}"
    alarms = _alarms()
    budget = {"availability": 0.1, "latency": 1.0}[objective]  # percent of the requests

    burn = _composite_alarm(f"{name}-burn", outputs)
    assert burn["AlarmRule"] == f'ALARM("{name}-long") AND ALARM("{name}-short")'
    assert burn["AlarmActions"] == [outputs["alarms"]["TopicArn"]]
    for window, seconds in windows.items():
        alarm = alarms[f"{name}-{window}"]
        stats = [item["MetricStat"] for item in alarm["Metrics"] if "MetricStat" in item]
        bad = alarm["Threshold"]
        if objective == "latency":
            assert bad == 0.25
            (percentile,) = (stat["Stat"] for stat in stats if stat["Stat"].startswith("p"))
            bad = 100 - float(percentile.removeprefix("p"))
        assert {stat["Period"] for stat in stats} == {seconds}
        assert bad == pytest.approx(budget * factor)


AVAILABILITY = ("shortener-availability-fast-long", "shortener-availability-slow-long")
LATENCY = ("shortener-latency-fast-long", "shortener-latency-slow-long")


@pytest.mark.usefixtures("outputs")
@pytest.mark.parametrize("name", AVAILABILITY)
@pytest.mark.parametrize(
    ("counts", "on"),
    [
        pytest.param((61, 1, 0), False, id="one failure in a quiet night"),
        pytest.param((61, 12, 0), True, id="a quiet night in which much fails"),
        pytest.param((100_000, 9, 0), False, id="nine of very many"),
        pytest.param((100_000, 2000, 0), True, id="two of a hundred"),
        pytest.param((1000, 0, 900), True, id="tasks that nobody can connect to"),
        pytest.param((0, 0, 0), False, id="no requests at all"),
    ],
)
def test_availability_needs_ten_failures_at_least(
    name: str, counts: tuple[int, int, int], on: bool
) -> None:
    names = ("RequestCount", "HTTPCode_Target_5XX_Count", "TargetConnectionErrorCount")
    # AWS reports no zeros.
    counted = {key: count for key, count in zip(names, counts, strict=True) if count}

    assert is_on(_alarms()[name], counted) is on


@pytest.mark.usefixtures("outputs")
@pytest.mark.parametrize("name", LATENCY)
@pytest.mark.parametrize(
    ("requests", "seconds", "on"),
    [
        pytest.param(40, 0.9, False, id="a few slow ones at night"),
        pytest.param(1000, 0.9, True, id="many slow ones"),
        pytest.param(1000, 0.05, False, id="many quick ones"),
    ],
)
def test_latency_needs_ten_slow_ones_at_least(
    name: str, requests: int, seconds: float, on: bool
) -> None:
    counted = {"RequestCount": requests, "TargetResponseTime": seconds}

    assert is_on(_alarms()[name], counted) is on


@pytest.mark.usefixtures("outputs")
@pytest.mark.parametrize("name", LATENCY)
def test_the_least_number_is_that_of_ten_slow_ones(name: str) -> None:
    alarm = _alarms()[name]
    (least,) = re.findall(r">= (\d+)", alarm["Metrics"][0]["Expression"])
    (percentile,) = re.findall(r"'p([\d.]+)'", str(alarm["Metrics"]))

    assert math.ceil(10 / (1 - float(percentile) / 100)) == int(least)


@pytest.mark.parametrize("name", ["shortener-5xx", *AVAILABILITY, *LATENCY])
def test_only_our_own_tasks_count(outputs: Outputs, name: str) -> None:
    group = {"Name": "TargetGroup", "Value": outputs["balancer"]["TargetGroupFullName"]}
    (_, *stats) = _alarms()[name]["Metrics"]

    assert stats
    for stat in stats:
        assert group in stat["MetricStat"]["Metric"]["Dimensions"], stat["Id"]


@pytest.mark.usefixtures("outputs")
def test_what_another_service_behind_the_balancer_does_rolls_no_deployment_back() -> None:
    alarm = _alarms()["shortener-5xx"]

    assert not is_on(alarm, {"HTTPCode_ELB_5XX_Count": 5000, "RequestCount": 100})
    assert not is_on(alarm, {"HTTPCode_Target_5XX_Count": 10})
    assert is_on(alarm, {"HTTPCode_Target_5XX_Count": 7, "TargetConnectionErrorCount": 4})


@pytest.mark.usefixtures("outputs")
def test_lost_telemetry_is_told_by_the_lines_that_the_service_writes() -> None:
    (found,) = client("logs").describe_metric_filters(logGroupName="/ecs/go-backend")[
        "metricFilters"
    ]
    alarm = _alarms()["shortener-telemetry-lost"]
    written: list[str] = []
    Report(lambda: {"spans": 1, "log lines, refused": 1}, written.append).say("Telemetry was lost")
    line = json.loads(written[0])
    wanted = dict(re.findall(r'\$\.(\w+) = "([^"]*)"', found["filterPattern"]))

    assert wanted.keys() == {"logger", "msg"}
    assert all(fnmatchcase(line[name], pattern) for name, pattern in wanted.items())
    (transformation,) = found["metricTransformations"]
    assert transformation["metricNamespace"] == alarm["Namespace"]
    assert transformation["metricName"] == alarm["MetricName"]


def test_the_alarm_that_rolls_a_deployment_back_exists(outputs: Outputs) -> None:
    properties = load("service")["Resources"]["EcsService"]["Properties"]

    assert set(properties["DeploymentConfiguration"]["Alarms"]["AlarmNames"]) <= _alarms().keys()
