"""The task definition, as it lies in the project and as a release registers it."""

from pathlib import Path
from typing import Any

from deploy.release import render

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "task-definition.json").read_text(encoding="utf-8")
VALUES = {
    "ClusterName": "tinyurl-prod",
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/execution",
    "Image": "123456789012.dkr.ecr.sa-east-1.amazonaws.com/shortener:1.0.0",
    "JwtKeysArn": "arn:aws:secretsmanager:sa-east-1:123456789012:secret:jwt-AbCdEf",
    "PostgresHost": "database.example.internal",
    "PostgresLoginArn": "arn:aws:secretsmanager:sa-east-1:123456789012:secret:pg-AbCdEf",
    "PrivateSubnets": "subnet-11111111,subnet-22222222",
    "PublicBaseUrl": "https://example.com",
    "RedisHost": "cache.example.internal",
    "RedisPasswordArn": "arn:aws:secretsmanager:sa-east-1:123456789012:secret:redis-AbCdEf",
    "Region": "sa-east-1",
    "TaskRoleArn": "arn:aws:iam::123456789012:role/task",
    "TaskSecurityGroup": "sg-11111111",
    "Version": "1.0.0",
}


def rendered() -> dict[str, Any]:
    """Return the task definition with every placeholder filled."""
    return render(TEXT, VALUES)
