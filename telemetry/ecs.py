"""Which ECS task this is, from the task metadata endpoint (version 4)."""

from __future__ import annotations

import json
from typing import Any

import requests

from telemetry.exchanges import Exchanges, read_whole

LIMIT = 1.0
"""Seconds for the whole answer: the start must not hang on it."""
TRIES = 3
"""An endpoint that did not answer is asked again: what it says names the task for all its life."""
_ARN_PARTS = 6


def fetch_task(uri: str, limit: float = LIMIT) -> dict[str, Any]:
    """Return the task's metadata, or {} if it does not come in time or makes no sense."""
    with Exchanges() as session:
        session.trust_env = False  # the address is of this task alone: no proxy leads there
        try:
            response = session.exchange(
                "GET", f"{uri.rstrip('/')}/task", read_whole, seconds=limit, allow_redirects=False
            )
            task = json.loads(response.content)
        except Exception:  # noqa: BLE001  # whatever the transport raises, it has not told
            return {}
    return task if isinstance(task, dict) and response.status_code == requests.codes.ok else {}


def task_arn(task: dict[str, Any]) -> str | None:
    """Return the task's ARN; ECS sets no environment variable with it."""
    arn = task.get("TaskARN")
    return arn if isinstance(arn, str) and arn else None


def resource_attributes(
    task: dict[str, Any], arn: str | None, cluster_name: str | None
) -> dict[str, str]:
    """Name the cloud, the cluster and the task by the OpenTelemetry conventions."""
    found: dict[str, Any] = {"cloud.provider": "aws", "cloud.platform": "aws_ecs"}
    parts = (arn or "").split(":")
    cluster = task.get("Cluster") or cluster_name
    if arn and len(parts) == _ARN_PARTS:
        found["aws.ecs.task.arn"] = arn
        found["cloud.region"] = parts[3]
        found["cloud.account.id"] = parts[4]
        if cluster and not str(cluster).startswith("arn:"):
            cluster = ":".join([*parts[:5], f"cluster/{cluster}"])
    if cluster and str(cluster).startswith("arn:"):
        found["aws.ecs.cluster.arn"] = cluster
    found["aws.ecs.task.family"] = task.get("Family")
    found["aws.ecs.task.revision"] = task.get("Revision")
    found["aws.ecs.launchtype"] = str(task.get("LaunchType") or "").lower()
    found["cloud.availability_zone"] = task.get("AvailabilityZone")
    return {name: str(value) for name, value in found.items() if value}
