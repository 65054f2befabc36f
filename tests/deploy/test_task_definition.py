"""The task definition against the API's model, the settings, gunicorn's clocks and the image."""

import re
import runpy
from typing import Any

import pytest
from botocore.session import get_session  # type: ignore[import-untyped]  # has no types
from botocore.validate import validate_parameters  # type: ignore[import-untyped]

import telemetry
from app.config import Settings
from app.environment import Environment
from deploy.release import ReleaseError, render
from tests.deploy.task import ROOT, TEXT, VALUES, rendered
from tests.deploy.templates import load

SPECIFIED = {
    "ENV": "production",
    "SERVICE_NAME": "go-backend",
    "GO_ENV": "production",
    "POSTGRES_PORT": "5432",
    "POSTGRES_DB": "postgres",
    # The specification's bare host name is found in no DNS zone of a Fargate task: full names.
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://observability.internal.tinyurl.local:4318",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "LOKI_ENDPOINT": ("http://observability.internal.tinyurl.local/observability/loki/api/v1/push"),
    "AWS_ECS_CLUSTER_NAME": "tinyurl-prod",
}
FARGATE_MEMORY = {
    256: [512, 1024, 2048],
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
}
MADE_UP_SECRET = "0123456789abcdef0123456789abcdef"


def _container() -> dict[str, Any]:
    (container,) = rendered()["containerDefinitions"]
    found: dict[str, Any] = container
    return found


def _environment() -> dict[str, str]:
    return {item["name"]: item["value"] for item in _container()["environment"]}


def _secrets() -> dict[str, str]:
    return {item["name"]: item["valueFrom"] for item in _container()["secrets"]}


def test_the_api_takes_it() -> None:
    model = get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")

    validate_parameters(rendered(), model.input_shape)


def test_the_size_is_one_that_fargate_has() -> None:
    task = rendered()

    assert int(task["memory"]) in FARGATE_MEMORY[int(task["cpu"])]
    assert task["requiresCompatibilities"] == ["FARGATE"]
    assert task["networkMode"] == "awsvpc"


def test_every_variable_of_the_specification_is_there() -> None:
    environment = _environment()

    assert SPECIFIED.items() <= environment.items()
    assert {"POSTGRES_HOST", "REDIS_ADDR"} <= environment.keys()
    # The user changes with its password: tests/deploy/test_stacks.py has the specified value.
    assert "POSTGRES_USER" in _secrets()
    assert "TASK_ARN" not in environment  # ECS tells it by its metadata


def test_secrets_come_from_secrets_manager_alone() -> None:
    secrets = _secrets()

    assert secrets.keys() == {
        *("POSTGRES_USER", "POSTGRES_PASSWORD"),
        *("REDIS_PASSWORD", "JWT_SECRET", "JWT_SECRET_PREVIOUS"),
    }
    assert all(arn.startswith("arn:aws:secretsmanager:") for arn in secrets.values())
    assert not secrets.keys() & _environment().keys()


def test_the_settings_take_it() -> None:
    environment = {**_environment(), **dict.fromkeys(_secrets(), MADE_UP_SECRET)}

    settings = Settings.from_env(environment)
    telemetry.Config.from_env(environment)

    assert settings.port == _container()["portMappings"][0]["containerPort"] == 8080
    assert settings.cors_origins == ("https://fonsecaaso.com",)
    assert settings.postgres.sslmode == "require"


class _Asked(dict[str, str]):
    """An environment that notes which variables were asked for."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)


def test_every_variable_is_known_to_the_settings() -> None:
    asked = _Asked({**_environment(), **dict.fromkeys(_secrets(), MADE_UP_SECRET)})
    Settings.from_env(asked)
    telemetry.Config.from_env(asked)
    # Read only where ENV is missing.
    asked.names.add("GO_ENV")

    assert {*_environment(), *_secrets()} - asked.names == set()


@pytest.mark.parametrize("name", ["POSTGRES_HOST", "POSTGRES_PASSWORD", "JWT_SECRET"])
def test_every_required_variable_is_present(name: str) -> None:
    assert name in _environment() or name in _secrets()


def test_an_auth_token_of_two_quotes_means_none() -> None:
    # How docs/operations.md says to run against an ElastiCache without AUTH: a secret cannot be
    # empty.
    assert Environment({"REDIS_PASSWORD": '""'}).text("REDIS_PASSWORD") is None


def test_it_stops_later_than_gunicorn_has_drained_and_flushed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in _environment().items():
        monkeypatch.setenv(name, value)
    for name in _secrets():
        monkeypatch.setenv(name, MADE_UP_SECRET)
    gunicorn = runpy.run_path(str(ROOT / "gunicorn.conf.py"))

    assert _container()["stopTimeout"] == 60
    assert gunicorn["graceful_timeout"] >= 30
    assert gunicorn["graceful_timeout"] < _container()["stopTimeout"]
    assert gunicorn["bind"] == "0.0.0.0:8080"


def test_gunicorn_drains_for_the_thirty_seconds_of_the_specification() -> None:
    text = (ROOT / "gunicorn.conf.py").read_text(encoding="utf-8")

    assert re.search(r"^DRAIN = 30$", text, re.MULTILINE)


def test_the_root_is_read_only_with_a_writable_tmp() -> None:
    container = _container()
    mounts = {mount["containerPath"]: mount["sourceVolume"] for mount in container["mountPoints"]}

    assert container["readonlyRootFilesystem"] is True
    # What the agent of ECS Exec writes to; without these it ends when the root is read-only.
    assert mounts == {
        "/tmp": "tmp",
        "/managed-agents": "exec-agent",
        "/var/lib/amazon/ssm": "exec-state",
        "/var/log/amazon/ssm": "exec-log",
    }
    assert not any(mount["readOnly"] for mount in container["mountPoints"])
    assert [volume["name"] for volume in rendered()["volumes"]] == list(mounts.values())


def test_logs_go_to_the_group_that_the_stack_makes() -> None:
    logs = _container()["logConfiguration"]
    group = load("cluster")["Resources"]["LogGroup"]["Properties"]["LogGroupName"]

    assert logs["logDriver"] == "awslogs"
    assert {
        "Fn::Sub": logs["options"]["awslogs-group"].replace("go-backend", "${Service}")
    } == group
    assert logs["options"]["mode"] == "non-blocking"


def test_the_tags_of_every_resource() -> None:
    tags = {tag["key"]: tag["value"] for tag in rendered()["tags"]}

    expected = {"Environment": "production", "Service": "go-backend", "Project": "tinyurl"}
    assert expected.items() <= tags.items()


def test_the_stacks_give_what_the_placeholders_ask_for() -> None:
    given = {
        *load("cluster")["Outputs"],
        *load("balancer")["Outputs"],
        "Image",
        "Region",
        "Version",
    }
    by_hand = {"PublicBaseUrl", "PostgresHost", "RedisHost", "PrivateSubnets"}
    example = (ROOT / "deploy" / "production.args.example").read_text(encoding="utf-8")

    assert set(VALUES) - given == by_hand
    assert set(re.findall(r"^--set=(\w+)=", example, re.MULTILINE)) == by_hand


def test_a_missing_value_is_named() -> None:
    values = {name: value for name, value in VALUES.items() if name not in {"Image", "RedisHost"}}

    with pytest.raises(ReleaseError, match="Image, RedisHost"):
        render(TEXT, values)
