"""The alarms as they come into being: the recommended ones, and the objectives' burn rates."""

from typing import Any

import pytest

from tests.deploy.fake_aws import Outputs, client
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
        stats = [item["MetricStat"] for item in alarm.get("Metrics", []) if "MetricStat" in item]
        periods = {stat["Period"] for stat in stats} or {alarm["Period"]}
        bad = alarm["Threshold"]
        if objective == "latency":
            assert bad == 0.25
            bad = 100 - float(alarm["ExtendedStatistic"].removeprefix("p"))
        assert periods == {seconds}
        assert bad == pytest.approx(budget * factor)


def test_objectives_count_what_reached_our_tasks_and_what_the_balancer_answered_itself(
    outputs: Outputs,
) -> None:
    group = {"Name": "TargetGroup", "Value": outputs["balancer"]["TargetGroupFullName"]}
    (expression, *stats) = _alarms()["shortener-availability-fast-long"]["Metrics"]
    of_ours = {stat["Id"] for stat in stats if group in stat["MetricStat"]["Metric"]["Dimensions"]}

    assert of_ours == {"requests", "target"}
    assert {stat["Id"] for stat in stats} - of_ours == {"balancer"}
    # An outage in which no request reached a target is one all the same.
    _, below = expression["Expression"].split(" / ")
    assert "requests" in below
    assert "balancer" in below


def test_the_alarm_that_rolls_a_deployment_back_exists(outputs: Outputs) -> None:
    properties = load("service")["Resources"]["EcsService"]["Properties"]

    assert set(properties["DeploymentConfiguration"]["Alarms"]["AlarmNames"]) <= _alarms().keys()
