"""The release command, against stubs that check every request and answer by the API's model."""

from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped]  # has no types
import pytest
from botocore.stub import ANY, Stubber  # type: ignore[import-untyped]

from deploy.release import SERVICE_STACK, main, render
from tests.deploy.task import ROOT, TEXT, VALUES, rendered

ARN = "arn:aws:ecs:sa-east-1:123456789012:task-definition/shortener:7"
TASK = "arn:aws:ecs:sa-east-1:123456789012:task/tinyurl-prod/0123456789abcdef"
BY_HAND = ("PublicBaseUrl", "PostgresHost", "RedisHost", "PrivateSubnets")
COMMAND = [VALUES["Image"], *(f"--set={name}={VALUES[name]}" for name in BY_HAND)]
IN_BALANCER = ("TaskSecurityGroup",)


class Account:
    """The two APIs that a release talks to, with the answers laid out beforehand."""

    def __init__(self) -> None:
        self.clients = {
            name: boto3.client(name, region_name="sa-east-1") for name in ("cloudformation", "ecs")
        }
        self.cloudformation = Stubber(self.clients["cloudformation"])
        self.ecs = Stubber(self.clients["ecs"])

    def expect_registration(self, definition: dict[str, Any] | None = None) -> None:
        """Expect the stacks' outputs to be read and the task definition to be registered."""
        definition = definition or rendered()
        for stack in ("tinyurl-cluster", "tinyurl-balancer"):
            outputs = [
                {"OutputKey": name, "OutputValue": value}
                for name, value in VALUES.items()
                if name not in {*BY_HAND, "Image", "Region", "Version"}
                and (name in IN_BALANCER) == (stack == "tinyurl-balancer")
            ]
            self.expect_stack(stack, "CREATE_COMPLETE", outputs=outputs)
        answer = {"taskDefinition": {"taskDefinitionArn": ARN}}
        self.ecs.add_response("register_task_definition", answer, definition)

    def expect_stack(
        self,
        name: str,
        status: str,
        outputs: list[dict[str, str]] | None = None,
        parameters: list[dict[str, str]] | None = None,
    ) -> None:
        """Expect a stack to be looked at."""
        stack = {
            "StackName": name,
            "StackStatus": status,
            "CreationTime": 0,
            "Outputs": outputs or [],
            "Parameters": parameters or [],
        }
        self.cloudformation.add_response("describe_stacks", {"Stacks": [stack]})

    def expect_migration(self, exit_code: int) -> None:
        """Expect one task that runs `migrate` and ends so."""
        override = {"name": "go-backend", "command": ["migrate"]}
        expected = {
            "cluster": "tinyurl-prod",
            "taskDefinition": ARN,
            "launchType": "FARGATE",
            "overrides": {"containerOverrides": [override]},
            "networkConfiguration": ANY,
        }
        self.ecs.add_response("run_task", {"tasks": [{"taskArn": TASK}]}, expected)
        ended = {"tasks": [{"lastStatus": "STOPPED", "containers": [{"exitCode": exit_code}]}]}
        for _ in range(2):  # the waiter's look, and ours
            self.ecs.add_response("describe_tasks", ended)

    def expect_update(self, parameters: list[dict[str, Any]]) -> None:
        """Expect the service's stack to be updated with these parameters."""
        expected = {"StackName": SERVICE_STACK, "TemplateBody": ANY, "Parameters": parameters}
        self.cloudformation.add_response("update_stack", {"StackId": "service"}, expected)

    def release(self, *more: str) -> int:
        """Run the command with everything that it needs."""
        return self.run(*COMMAND, *more)

    def run(self, *arguments: str) -> int:
        """Run the command; every expected call must have come."""
        status = main([*arguments], self.clients.__getitem__)
        self.ecs.assert_no_pending_responses()
        self.cloudformation.assert_no_pending_responses()
        return status


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Make an account without any network."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    account = Account()
    with account.ecs, account.cloudformation:
        yield account


PARAMETERS = [
    {"ParameterKey": "TaskDefinitionArn", "ParameterValue": ARN},
    {"ParameterKey": "PrivateSubnets", "ParameterValue": VALUES["PrivateSubnets"]},
]


def test_a_release_migrates_and_then_rolls_the_service(account: Account) -> None:
    account.expect_registration()
    account.expect_migration(0)
    kept = {"ParameterKey": "MinTasks", "ParameterValue": "5"}
    account.expect_stack(SERVICE_STACK, "UPDATE_COMPLETE", parameters=[kept])
    account.expect_update([*PARAMETERS, {"ParameterKey": "MinTasks", "UsePreviousValue": True}])
    account.expect_stack(SERVICE_STACK, "UPDATE_COMPLETE")

    assert account.release() == 0


def test_the_first_release_creates_the_service(account: Account) -> None:
    account.expect_registration()
    account.expect_migration(0)
    account.cloudformation.add_client_error("describe_stacks", "ValidationError")
    expected = {"StackName": SERVICE_STACK, "TemplateBody": ANY, "Parameters": PARAMETERS}
    account.cloudformation.add_response("create_stack", {"StackId": "service"}, expected)
    account.expect_stack(SERVICE_STACK, "CREATE_COMPLETE")

    assert account.release() == 0


def test_arguments_may_be_kept_in_a_file(account: Account) -> None:
    example = ROOT / "deploy" / "production.args.example"
    lines = example.read_text(encoding="utf-8").splitlines()
    given = dict(line.removeprefix("--set=").split("=", 1) for line in lines)
    account.expect_registration(render(TEXT, VALUES | given))
    account.cloudformation.add_client_error("describe_stacks", "ValidationError")
    subnets = {"ParameterKey": "PrivateSubnets", "ParameterValue": given["PrivateSubnets"]}
    expected = {
        "StackName": SERVICE_STACK,
        "TemplateBody": ANY,
        "Parameters": [PARAMETERS[0], subnets],
    }
    account.cloudformation.add_response("create_stack", {"StackId": "service"}, expected)
    account.expect_stack(SERVICE_STACK, "CREATE_COMPLETE")

    assert account.run(VALUES["Image"], f"@{example}", "--no-migrate") == 0


def test_a_failed_migration_leaves_the_service_alone(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.expect_registration()
    account.expect_migration(1)

    assert account.release() == 1
    assert "the service is as it was" in capsys.readouterr().err


def test_a_release_that_was_rolled_back_says_so(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.expect_registration()
    account.expect_stack(SERVICE_STACK, "UPDATE_COMPLETE")
    account.expect_update(PARAMETERS)
    account.expect_stack(SERVICE_STACK, "UPDATE_ROLLBACK_COMPLETE")

    assert account.release("--no-migrate") == 1
    assert "rolled back" in capsys.readouterr().err


def test_what_is_missing_is_named_before_anything_is_done(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    for stack in ("tinyurl-cluster", "tinyurl-balancer"):
        account.expect_stack(stack, "CREATE_COMPLETE")

    assert account.release() == 1
    assert "no value for ClusterName, ExecutionRoleArn" in capsys.readouterr().err
