"""What a CloudWatch alarm says of given sums: the few functions of metric math that ours use."""

import ast
import operator
from collections.abc import Mapping
from typing import Any

_OPERATORS = {
    ast.Add: operator.add,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.GtE: operator.ge,
}


def value(expression: str, metrics: Mapping[str, float]) -> float | None:
    """Return what the expression comes to; None: no data (a metric is missing, or 0 / 0)."""
    try:
        return float(_value(ast.parse(expression, mode="eval").body, metrics))
    except (KeyError, ZeroDivisionError):
        return None


def _value(node: ast.expr, metrics: Mapping[str, float]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return metrics[node.id]
    if isinstance(node, ast.BinOp):
        left, right = (_value(side, metrics) for side in (node.left, node.right))
        return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.Compare):
        left, right = (_value(side, metrics) for side in (node.left, node.comparators[0]))
        return _OPERATORS[type(node.ops[0])](left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _called(node.func.id, node.args, metrics)
    raise AssertionError(ast.dump(node))


def _called(name: str, arguments: list[ast.expr], metrics: Mapping[str, float]) -> Any:
    if name == "FILL":
        metric, missing = arguments
        assert isinstance(metric, ast.Name)
        return metrics.get(metric.id, _value(missing, metrics))
    assert name == "IF", name
    condition, chosen, otherwise = arguments
    return _value(chosen if _value(condition, metrics) else otherwise, metrics)


def is_on(alarm: Mapping[str, Any], metrics: Mapping[str, float]) -> bool:
    """Tell whether an alarm of one period is on; `metrics` are what AWS counted, by its names."""
    (expression, *stats) = alarm["Metrics"]
    known = {
        stat["Id"]: metrics[stat["MetricStat"]["Metric"]["MetricName"]]
        for stat in stats
        if stat["MetricStat"]["Metric"]["MetricName"] in metrics
    }
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    found = value(expression["Expression"], known)
    return found is not None and found > alarm["Threshold"]
