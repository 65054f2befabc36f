"""doctor where nothing answers: two seconds a check, side by side, and out."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.doctor.run import LIMIT
from tests.doctor.command import Outcome, doctor
from tests.doctor.conftest import Environment
from tests.harness.room import MACHINE
from tests.harness.servers import Database, PostgreSQL, Valkey
from tests.harness.sinks import Fault
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink

NAME_SERVER = "127.0.0.53"


def _assert_in_time(outcome: Outcome) -> None:
    assert outcome.report["seconds"] < LIMIT + MACHINE
    assert all(row["seconds"] < LIMIT + MACHINE for row in outcome.report["checks"])


@pytest.fixture
def mute() -> Iterator[int]:
    """Listen on a port, accept by the kernel alone, and never answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def hanging_telemetry(observed: Environment, otlp: OtlpSink, loki: LokiSink) -> Environment:
    """Return a collector and a Loki that read and never answer."""
    otlp.fault = loki.fault = Fault.HANGS
    return observed


@pytest.fixture
def frozen_stores(own_database: Database, own_valkey: Valkey) -> Environment:
    """Return servers whose kernel accepts connections and that never answer."""
    own_database.server.freeze()
    own_valkey.freeze()
    return {**own_database.environment, **own_valkey.environment()}


def test_everything_hangs(
    plain: Environment,
    frozen_stores: Environment,
    hanging_telemetry: Environment,
    mute: int,
    tmp_path: Path,
) -> None:
    metadata = {"ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{mute}/v4/x"}
    environment = {**plain, **frozen_stores, **hanging_telemetry, **metadata, "PORT": str(mute)}

    outcome = doctor(environment, "--json", cwd=tmp_path)

    _assert_in_time(outcome)
    assert outcome.status == 1
    found = {name: row["found"] for name, row in outcome.rows.items() if row["status"] == "fail"}
    # The driver's own limit is as long as a check's: on a busy machine it may be over first.
    said = ("while logging in at 127.0.0.1:", ": no answer in time")
    assert any(text in found["postgresql"] for text in said)
    assert "does not answer" in found["redis"]
    for row in ("collector traces", "collector metrics", "loki push"):
        assert "takes the request and does not answer" in found[row]
    for row in ("service /healthz", "service /api/health"):
        assert found[row].startswith("no answer")
    assert outcome.rows["postgresql"]["cause"].startswith("the server is frozen or overloaded")
    assert outcome.rows["shutdown"]["status"] == "ok"


def test_a_server_that_freezes_after_the_login(
    plain: Environment, own_postgresql: PostgreSQL, tmp_path: Path
) -> None:
    # No migration table can be read while somebody holds it.
    with own_postgresql.connect() as connection:
        connection.execute("CREATE TABLE _yoyo_migration (migration_id text)")
        connection.autocommit = False
        connection.execute("LOCK TABLE _yoyo_migration")
        environment = {**plain, **own_postgresql.environment()}

        outcome = doctor(environment, "--json", cwd=tmp_path)
        connection.rollback()

    _assert_in_time(outcome)
    assert outcome.rows["postgresql"]["status"] == "ok"
    assert outcome.rows["schema"]["found"].endswith("see locks")
    assert "idle in a transaction after LOCK TABLE" in outcome.rows["locks"]["found"]
    assert outcome.rows["locks"]["found"].endswith(", over _yoyo_migration")
    assert outcome.rows["clock"]["status"] in {"ok", "fail", "skip"}


@pytest.fixture
def deaf_dns(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the words before a command that give it a name server which never answers."""
    wrapper = ("unshare", "--mount", "sh", "-c")
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root and unshare (util-linux)")
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces are not allowed here")
    file = tmp_path / "resolv.conf"
    file.write_text(f"nameserver {NAME_SERVER}\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind((NAME_SERVER, 53))
        except OSError:
            pytest.skip("port 53 cannot be had")
        yield (*wrapper, f'mount --bind {file} /etc/resolv.conf && exec "$@"', "sh")


def test_a_name_server_that_never_answers(
    plain: Environment, deaf_dns: tuple[str, ...], tmp_path: Path
) -> None:
    names = {
        "POSTGRES_HOST": "db.example.com",
        "REDIS_ADDR": "cache.example.com:6379",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example.com:4318",
        "LOKI_ENDPOINT": "http://loki.example.com/loki/api/v1/push",
    }
    outcome = doctor({**plain, **names}, "--json", cwd=tmp_path, before=deaf_dns)

    _assert_in_time(outcome)
    for host in ("db", "cache", "collector", "loki"):
        row = outcome.rows[f"dns {host}.example.com"]
        assert row["found"] == f"no answer within 2 s while resolving {host}.example.com"
        assert "the name server does not answer" in row["cause"]
        assert row["next"] == f"cat /etc/resolv.conf; getent hosts {host}.example.com"
    for name in ("postgresql", "redis", "collector traces", "loki push"):
        assert "while resolving" in outcome.rows[name]["found"]


def test_the_table_comes_too_and_the_exit_status(
    plain: Environment, mute: int, tmp_path: Path
) -> None:
    outcome = doctor({**plain, "POSTGRES_PORT": str(mute)}, cwd=tmp_path)

    assert outcome.status == 1
    assert "FAIL  postgresql" in outcome.stdout
