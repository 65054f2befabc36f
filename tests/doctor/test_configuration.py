"""What doctor says of the configuration alone: mistakes, secrets, origins, clocks."""

import ast
import json
import re
import secrets
from pathlib import Path

import pytest

from app.doctor.clocks import KNOWN_GRACE
from app.doctor.findings import Finding
from app.doctor.situation import Options
from app.doctor.strength import LEAST_BITS, estimated_bits
from tests.doctor.command import STRONG, doctor, examine, said
from tests.doctor.conftest import Environment
from tests.harness.servers import ROOT


def _row(name: str, environment: Environment, options: Options | None = None) -> Finding:
    return examine(environment, options)[name]


# --- Configuration ---------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_and_the_rest_is_checked(
    healthy: Environment, tmp_path: Path
) -> None:
    wrong = {"PORT": "eighty", "REDIRECT_STATUS": "200", "LOG_LEVEL": "loud", "RATE_LIMIT": "many"}

    outcome = doctor({**healthy, **wrong}, "--json", cwd=tmp_path)

    row = outcome.rows["configuration"]
    assert [name for name in wrong if name not in row["found"]] == []
    assert "'eighty'; allowed: a whole number from 1 to 65535" in row["found"]
    assert (row["status"], outcome.status) == ("fail", 1)
    for works in ("postgresql", "redis", "collector traces", "loki query"):
        assert outcome.rows[works]["status"] == "ok"


@pytest.mark.parametrize(
    ("wrong", "skipped"),
    [
        ({"POSTGRES_PORT": "x"}, ["postgresql", "schema"]),
        ({"REDIS_ADDR": "a b"}, ["redis"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, ["collector traces", "collector metrics"]),
        ({"LOKI_ENDPOINT": "x"}, ["loki push"]),
        ({"JWT_SECRET": "short"}, ["secrets"]),
        ({"JWT_SECRET_PREVIOUS": "short"}, ["secrets"]),
        ({"CORS_ALLOWED_ORIGINS": "fonsecaaso.com"}, ["cors"]),
        ({"ENV": "Produção"}, ["cors"]),
        ({"PORT": "eighty"}, ["workers", "service /healthz", "service /api/health"]),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ["collector traces", "collector metrics"]),
    ],
)
def test_what_a_mistake_touches_is_not_looked_at(
    plain: Environment, wrong: Environment, skipped: list[str]
) -> None:
    rows = examine({**plain, **wrong})

    assert rows["configuration"].status == "fail"
    for row in skipped:
        assert rows[row].status == "skip"


@pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "GUNICORN_THREADS", "POSTGRES_POOL_MAX"])
def test_connections_are_not_counted_with_numbers_that_make_no_sense(
    stored: Environment, name: str
) -> None:
    row = _row("connections", {**stored, name: "many"})

    assert row.found == f"{name} cannot be used, see configuration"


def test_without_any_variable_it_says_how_to_get_them(tmp_path: Path) -> None:
    outcome = doctor({}, "--json", cwd=tmp_path)

    row = outcome.rows["configuration"]
    for name in ("POSTGRES_HOST", "POSTGRES_PASSWORD", "JWT_SECRET"):
        assert f"{name}: is not set" in row["found"]
    assert re.search(r"doctor --pid \d+$|give doctor its process with --pid", row["next"])


def test_a_secret_in_the_wrong_variable_is_not_shown(plain: Environment, tmp_path: Path) -> None:
    password = "pQ8rS9tU0vW1"
    wrong = {
        "POSTGRES_HOST": f"postgres://ada:{password}@db/x",
        "POSTGRES_PASSWORD": password,
        "LOKI_ENDPOINT": f"ftp://ada:{password}@loki",
        "PORT": password,
    }
    outcome = doctor({**plain, **wrong}, cwd=tmp_path)

    assert password not in outcome.stdout
    assert "PORT: held '***'" in outcome.stdout


# --- Secrets ---------------------------------------------------------------------------------

WEAK = [
    "a" * 40,
    "abcd" * 10,
    "0123456789" * 4,
    "my-super-secret-jwt-key-for-production",
    "change-me-please-change-me-please!",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "SecretSecretSecretSecretSecretSecret1",
    "a-secret-of-the-tests-0123456789abcdef",
]


@pytest.mark.parametrize("secret", WEAK)
def test_a_secret_that_can_be_guessed(plain: Environment, secret: str) -> None:
    row = _row("secrets", {**plain, "JWT_SECRET": secret, "ENV": "production"})

    assert "fail JWT_SECRET has a pattern or known words" in said(row)
    assert "Rotate the key of the tokens" in said(row)


def test_on_a_developers_machine_a_weak_secret_only_warns(plain: Environment) -> None:
    assert _row("secrets", {**plain, "JWT_SECRET": WEAK[0]}).status == "warn"


@pytest.mark.parametrize("make", [secrets.token_hex, secrets.token_urlsafe])
def test_random_secrets_are_strong(make: object) -> None:
    assert callable(make)
    # 24 random bytes are 32 characters at least.
    made = [make(length) for length in (24, 32, 48) for _ in range(300)]

    assert [secret for secret in made if estimated_bits(secret) < LEAST_BITS] == []


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"POSTGRES_PASSWORD": STRONG}, "JWT_SECRET is the database's password"),
        (
            {"REDIS_ADDR": "127.0.0.1:1", "REDIS_PASSWORD": STRONG},
            "JWT_SECRET is the password of Redis",
        ),
        ({"POSTGRES_PASSWORD": "postgres"}, "POSTGRES_PASSWORD is the user's name"),
        ({"POSTGRES_PASSWORD": "hunter2"}, "POSTGRES_PASSWORD is short or a known word"),
        ({"POSTGRES_PASSWORD": "passwordpassword"}, "POSTGRES_PASSWORD is short or a known word"),
        (
            {"REDIS_ADDR": "127.0.0.1:1", "REDIS_PASSWORD": "Redis-Redis"},
            "REDIS_PASSWORD is short or a known word",
        ),
    ],
)
def test_passwords_that_are_shared_or_weak(
    plain: Environment, settings: Environment, found: str
) -> None:
    row = _row("secrets", {**plain, "ENV": "production", **settings})

    assert f"fail {found}" in said(row)


# --- CORS ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "origins", "status", "found"),
    [
        ("local", "", "ok", "allowed: any origin"),
        ("local", "http://localhost:3000", "ok", "allowed: http://localhost:3000"),
        ("production", "", "ok", "allowed: https://fonsecaaso.com"),
        ("production", "https://fonsecaaso.com,https://x.com", "ok", "https://x.com"),
        ("production", "https://x.com", "warn", "without https://fonsecaaso.com"),
        ("production", "http://fonsecaaso.com", "fail", "is not https"),
        ("production", "https://fonsecaaso.com,http://localhost:3000", "fail", "developer"),
        ("production", "https://fonsecaaso.com,https://127.0.0.1", "fail", "developer"),
        ("production", "https://fonsecaaso.com,https://10.0.0.7", "fail", "developer"),
        ("staging", "http://localhost:3000", "warn", "developer"),
    ],
)
def test_origins(plain: Environment, env: str, origins: str, status: str, found: str) -> None:
    row = _row("cors", {**plain, "ENV": env, "CORS_ALLOWED_ORIGINS": origins})

    assert row.status == status
    assert found in row.found
    assert status == "ok" or "CORS_ALLOWED_ORIGINS" in said(row)


# --- Drain and flush against stopTimeout -----------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder in which a test puts its own files of the project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(folder: Path, *, drain: int = 30, container: dict[str, int] | None = None) -> None:
    clocks = f'"""Clocks."""\nDRAIN = {drain}\nCLOSE_APP = 2\nFLUSH = 13\nworkers = f()\n'
    (folder / "gunicorn.conf.py").write_text(clocks)
    definition = {"containerDefinitions": [{"stopTimeout": 60} if container is None else container]}
    (folder / "task-definition.json").write_text(json.dumps(definition))


def test_the_projects_own_clocks_fit(plain: Environment) -> None:
    row = _row("shutdown", plain)

    assert row.found == "grace 47 s (gunicorn.conf.py), stopTimeout 60 s (task-definition.json)"
    assert row.status == "ok"


def test_a_drain_that_leaves_no_time_to_flush(plain: Environment, folder: Path) -> None:
    _write(folder, drain=45)
    row = _row("shutdown", plain)

    assert "fail grace 60 s (gunicorn.conf.py), stopTimeout 60 s" in said(row)
    assert "ECS kills the task before it has flushed" in said(row)
    assert "aws ecs describe-task-definition --task-definition shortener " in said(row)


def test_a_stop_timeout_that_is_too_short(plain: Environment, folder: Path) -> None:
    _write(folder, container={"stopTimeout": 40})

    assert "fail grace 45 s (gunicorn.conf.py), stopTimeout 40 s" in said(_row("shutdown", plain))


def test_a_stop_timeout_that_is_left_to_ecs(plain: Environment, folder: Path) -> None:
    _write(folder, container={})

    assert "stopTimeout 30 s (ECS's default" in said(_row("shutdown", plain))


def test_a_stop_timeout_that_fargate_refuses(plain: Environment) -> None:
    row = _row("shutdown", plain, Options(stop_timeout=121))

    assert "fail" in said(row)
    assert "Fargate allows 120 s" in said(row)


def test_a_drain_shorter_than_the_specification_asks(plain: Environment, folder: Path) -> None:
    _write(folder, drain=10)
    row = _row("shutdown", plain)

    assert row.status == "warn"
    assert "Set DRAIN = 30" in said(row)


@pytest.mark.parametrize("form", ["--graceful-timeout 90", "--workers 2 --graceful-timeout=90"])
def test_gunicorn_s_own_variable_wins(plain: Environment, form: str) -> None:
    row = _row("shutdown", {**plain, "GUNICORN_CMD_ARGS": form})

    assert "fail grace 90 s (GUNICORN_CMD_ARGS)" in said(row)


@pytest.mark.parametrize("text", ["", "DRAIN = 1", "not python at all", "DRAIN = 'x'"])
def test_files_that_are_not_ours_are_passed_over(
    plain: Environment, folder: Path, text: str
) -> None:
    (folder / "gunicorn.conf.py").write_text(text)
    (folder / "task-definition.json").write_text(text)

    row = _row("shutdown", plain)

    assert row.found == "grace 47 s (as released), stopTimeout 60 s (as released)"


def test_the_clocks_known_without_files_are_those_of_the_project() -> None:
    tree = ast.parse((ROOT / "gunicorn.conf.py").read_text(encoding="utf-8"))
    read = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in KNOWN_GRACE
    }

    assert read == KNOWN_GRACE
