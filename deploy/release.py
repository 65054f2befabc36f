"""Release an image: register the task definition, migrate, roll the service over.

    python deploy/release.py IMAGE @deploy/production.args

What task-definition.json has between `${` and `}` comes from the stacks' outputs and from `--set
NAME=VALUE`; arguments may be kept in a file, one a line. Rolling back is a release of the image
before. See docs/operations.md.
"""

import argparse
import json
import string
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # has no types
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    WaiterError,
)

HERE = Path(__file__).resolve().parent
TASK_DEFINITION = HERE.parent / "task-definition.json"
OUTPUTS_OF = ("tinyurl-cluster", "tinyurl-balancer")
SERVICE_STACK = "tinyurl-service"
NEEDS = ("PrivateSubnets", "TaskSecurityGroup", "ClusterName")

Client = Callable[[str], Any]


class ReleaseError(Exception):
    """The release stopped; the text says where and what to look at."""


def render(text: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Fill the placeholders of a task definition; ReleaseError names all that have no value."""
    template = string.Template(text)
    missing = {*template.get_identifiers(), *NEEDS} - {*values}
    if missing:
        message = f"no value for {', '.join(sorted(missing))}: give --set NAME=VALUE"
        raise ReleaseError(message)
    # A quote in a value must not end the string that it is put into.
    escaped = {name: json.dumps(value)[1:-1] for name, value in values.items()}
    filled: dict[str, Any] = json.loads(template.substitute(escaped))
    return filled


def outputs(cloudformation: Any) -> dict[str, str]:
    """Return the outputs of the stacks that a release builds on."""
    found: dict[str, str] = {}
    for name in OUTPUTS_OF:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        found |= {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
    return found


def migrate(ecs: Any, task_definition: str, values: Mapping[str, str]) -> None:
    """Run `migrate` of the new image as one task and wait for it; ReleaseError unless it ends 0."""
    started = ecs.run_task(
        cluster=values["ClusterName"],
        taskDefinition=task_definition,
        launchType="FARGATE",
        overrides={"containerOverrides": [{"name": "go-backend", "command": ["migrate"]}]},
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": values["PrivateSubnets"].split(","),
                "securityGroups": [values["TaskSecurityGroup"]],
                "assignPublicIp": "DISABLED",
            }
        },
    )
    if started.get("failures") or not started["tasks"]:
        message = f"the migration did not start: {started.get('failures')}"
        raise ReleaseError(message)
    tasks = {"cluster": values["ClusterName"], "tasks": [started["tasks"][0]["taskArn"]]}
    ecs.get_waiter("tasks_stopped").wait(**tasks)
    task = ecs.describe_tasks(**tasks)["tasks"][0]
    status = [container.get("exitCode") for container in task["containers"]]
    if status != [0]:
        message = (
            f"the migration ended with {status} ({task.get('stoppedReason')}); the service is"
            " as it was. Look: aws logs tail /ecs/go-backend --since 15m"
        )
        raise ReleaseError(message)


def roll(cloudformation: Any, task_definition: str, values: Mapping[str, str]) -> None:
    """Point the service's stack at the task definition and wait until it is steady."""
    # What was set by hand on the stack (task counts, scaling targets) stays as it is.
    parameters: list[dict[str, Any]] = [
        {"ParameterKey": "TaskDefinitionArn", "ParameterValue": task_definition},
        {"ParameterKey": "PrivateSubnets", "ParameterValue": values["PrivateSubnets"]},
    ]
    given = {item["ParameterKey"] for item in parameters}
    try:
        stack = cloudformation.describe_stacks(StackName=SERVICE_STACK)["Stacks"][0]
    except ClientError:
        change, waiter = cloudformation.create_stack, "stack_create_complete"
    else:
        change, waiter = cloudformation.update_stack, "stack_update_complete"
        parameters += [
            {"ParameterKey": item["ParameterKey"], "UsePreviousValue": True}
            for item in stack.get("Parameters", [])
            if item["ParameterKey"] not in given
        ]
    template = (HERE / "service.yaml").read_text(encoding="utf-8")
    change(StackName=SERVICE_STACK, TemplateBody=template, Parameters=parameters)
    try:
        cloudformation.get_waiter(waiter).wait(StackName=SERVICE_STACK)
    except WaiterError as error:
        message = (
            "the new tasks did not become healthy and the service was rolled back. Look: aws ecs"
            f" describe-services --cluster {values['ClusterName']} --services shortener"
        )
        raise ReleaseError(message) from error


def release(image: str, given: Mapping[str, str], client: Client, *, migrating: bool) -> str:
    """Carry out the release; return the ARN of the task definition that now runs."""
    cloudformation, ecs = client("cloudformation"), client("ecs")
    region = ecs.meta.region_name
    # The tag, or the digest's digits: what traces and metrics call service.version.
    named = {"Image": image, "Version": image.rpartition(":")[2]}
    values = {**outputs(cloudformation), "Region": region, **given, **named}
    definition = render(TASK_DEFINITION.read_text(encoding="utf-8"), values)
    registered = ecs.register_task_definition(**definition)["taskDefinition"]
    arn: str = registered["taskDefinitionArn"]
    sys.stdout.write(f"registered {arn}\n")
    if migrating:
        migrate(ecs, arn, values)
        sys.stdout.write("migrated\n")
    roll(cloudformation, arn, values)
    sys.stdout.write("the service runs it\n")
    return arn


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(text)
    return name, value


def main(arguments: list[str] | None = None, client: Client = boto3.client) -> int:
    """Release what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], fromfile_prefix_chars="@"
    )
    parser.add_argument("image", help="with tag or digest, as it lies in the repository")
    parser.add_argument("--set", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--no-migrate", action="store_true", help="a rollback needs none")
    options = parser.parse_args(arguments)
    try:
        release(options.image, dict(options.set), client, migrating=not options.no_migrate)
    except (ReleaseError, ClientError, BotoCoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
