"""Replacing keys and logins: whatever tasks run at one time, they accept each other's tokens."""

import datetime as dt
import io
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from moto import mock_aws

from app.config import Settings
from app.model.errors import InvalidToken
from app.tokens import LIFETIME, Tokens
from deploy import rotate
from tests.deploy.fake_aws import Outputs, client, create_stack, task_secrets

USER = UUID(int=7)
Rotate = Callable[..., int]


class Ecs:
    """ECS as far as a rotation asks it: deployments with their times, which the fake lacks."""

    def __init__(self) -> None:
        self.restarts = 0
        self.deployments = [{"createdAt": dt.datetime.now(dt.UTC)}]
        self.status = "ACTIVE"

    def describe_services(self, **_: Any) -> dict[str, Any]:
        return {"services": [{"status": self.status, "deployments": self.deployments}]}

    def update_service(self, *, forceNewDeployment: bool, **_: Any) -> None:  # noqa: N803  # AWS's
        assert forceNewDeployment
        self.restarts += 1
        self.deployments = [{"createdAt": dt.datetime.now(dt.UTC)}]

    def get_waiter(self, name: str) -> "Ecs":
        assert name == "services_stable"
        return self

    def wait(self, **_: Any) -> None:
        """Everything is steady at once."""


@pytest.fixture
def outputs() -> Iterator[Outputs]:
    """Create the stack with the secrets anew: a rotation changes them."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield {"cluster": create_stack("cluster", {}, {})}


@pytest.fixture
def ecs() -> Ecs:
    return Ecs()


@pytest.fixture
def run(outputs: Outputs, ecs: Ecs) -> Rotate:
    """Run the command against the fakes."""
    return lambda *arguments: rotate.main(
        [*arguments], lambda name: ecs if name == "ecs" else client(name)
    )


def a_task(outputs: Outputs) -> Tokens:
    """Start a task now, with what ECS gives it."""
    environment = {
        "ENV": "local",
        "POSTGRES_HOST": "db.example",
        **task_secrets(outputs["cluster"]),
    }
    settings = Settings.from_env(environment)
    return Tokens(settings.jwt_secret, settings.jwt_secret_previous)


def accept(one: Tokens, other: Tokens) -> bool:
    try:
        return one.verify(other.issue(USER)) == other.verify(one.issue(USER)) == USER
    except InvalidToken:
        return False


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(rotate, "time", SimpleNamespace(time=lambda: now))


def test_tasks_that_run_at_one_time_accept_each_others_tokens_at_every_step(
    run: Rotate, outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = [a_task(outputs)]
    for step in ("add", "switch"):
        assert run("tokens", step) == 0
        generations.append(a_task(outputs))
    later(monkeypatch, rotate.LIFETIME + rotate.LAST_TASK + 1)
    assert run("tokens", "drop") == 0
    generations.append(a_task(outputs))

    assert all(accept(old, new) for old, new in pairwise(generations))
    first, *_, last = generations
    assert not accept(first, last)


def test_a_second_change_begins_where_the_first_ended(
    run: Rotate, outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        for step in ("add", "switch"):
            assert run("tokens", step) == 0
        later(monkeypatch, rotate.LIFETIME + rotate.LAST_TASK + 1)
        assert run("tokens", "drop") == 0
        monkeypatch.undo()

    assert a_task(outputs).issue(USER)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (["switch"], "no key was added"),
        (["drop"], "there is none to drop"),
        (["add", "drop"], "there is none to drop"),
        (["add", "add"], "another key is being replaced"),
        (["add", "switch", "add"], "another key is being replaced"),
        (["add", "switch", "switch"], "no key was added"),
        (["add", "switch", "drop"], "valid for 25.0 hours more"),
    ],
)
def test_steps_in_another_order_change_nothing(
    run: Rotate,
    outputs: Outputs,
    capsys: pytest.CaptureFixture[str],
    steps: list[str],
    said: str,
) -> None:
    for step in steps[:-1]:
        run("tokens", step)
    secrets = task_secrets(outputs["cluster"])

    assert run("tokens", steps[-1]) == 1

    assert said in capsys.readouterr().err
    assert task_secrets(outputs["cluster"]) == secrets


@pytest.mark.parametrize(
    "deployments",
    [
        [{"createdAt": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}],
        [{"createdAt": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)}] * 2,
    ],
    ids=["never replaced", "being replaced"],
)
def test_no_key_signs_before_every_task_accepts_it(
    run: Rotate, ecs: Ecs, capsys: pytest.CaptureFixture[str], deployments: list[dict[str, Any]]
) -> None:
    run("tokens", "add")
    ecs.deployments = deployments

    assert run("tokens", "switch") == 1
    assert "tasks from before the last step are running" in capsys.readouterr().err


def test_a_key_that_leaked_is_gone_at_once(run: Rotate, outputs: Outputs) -> None:
    before = a_task(outputs)

    assert run("tokens", "replace") == 0

    assert not accept(before, a_task(outputs))


def test_a_role_and_its_password_change_together(
    run: Rotate, outputs: Outputs, ecs: Ecs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("the password of b\n"))

    assert run("database", "shortener_b") == 0

    found = task_secrets(outputs["cluster"])
    assert found["POSTGRES_USER"] == "shortener_b"
    assert found["POSTGRES_PASSWORD"] == "the password of b"
    assert ecs.restarts == 1


def test_no_password_changes_nothing(
    run: Rotate, outputs: Outputs, ecs: Ecs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))

    assert run("database", "shortener_b") == 1
    assert (task_secrets(outputs["cluster"])["POSTGRES_USER"], ecs.restarts) == ("postgres", 0)


def test_before_the_first_release_there_is_nothing_to_restart(
    run: Rotate, ecs: Ecs, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecs.status = "INACTIVE"
    monkeypatch.setattr("sys.stdin", io.StringIO("x\n"))

    assert run("database", "shortener_a") == 0
    assert ecs.restarts == 0


def test_a_token_lives_as_long_as_the_command_believes() -> None:
    assert rotate.LIFETIME == LIFETIME
