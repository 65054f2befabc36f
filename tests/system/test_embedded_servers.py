"""The embedded servers survive what the outage tests do to them."""

import os
import pwd
import signal
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from local.server import RECORD
from tests.harness.servers import NoAnswer, PostgreSQL, Server, ServerError, Valkey


@pytest.fixture(params=["postgresql", "valkey"])
def server(request: pytest.FixtureRequest) -> Server:
    """Run each kind of server in turn."""
    chosen: Server = request.getfixturevalue(f"own_{request.param}")
    return chosen


def test_it_answers_after_a_restart_on_the_same_port(server: Server) -> None:
    port = server.port

    server.restart()

    server.ping()
    assert port == server.port


def test_it_answers_after_a_kill(server: Server) -> None:
    server.kill()

    assert server.process.returncode == -signal.SIGKILL
    server.start()
    server.ping()


def test_killed_it_refuses_connections(server: Server) -> None:
    server.kill()

    with pytest.raises(NoAnswer, match="refused"):
        server.ping()


def test_frozen_it_does_not_answer_and_thawed_it_does(server: Server) -> None:
    server.freeze()

    with pytest.raises(NoAnswer, match="time"):
        server.ping()
    server.thaw()
    server.ping()


def test_a_frozen_server_can_be_stopped(server: Server) -> None:
    server.freeze()

    server.stop()

    assert not server.running


def test_a_start_ends_what_a_killed_run_left_on_the_folder(server: Server) -> None:
    successor = type(server)(server.folder)

    successor.start()

    with successor:
        successor.ping()
        assert not server.running


def test_two_postgresql_never_run_on_one_folder(own_postgresql: PostgreSQL) -> None:
    (own_postgresql.folder / RECORD).unlink()

    with pytest.raises(ServerError, match="end it first"):
        PostgreSQL(own_postgresql.folder).start()
    own_postgresql.ping()


def test_a_record_of_a_stranger_with_the_same_pid_ends_nobody(tmp_path: Path) -> None:
    with Valkey(tmp_path / "stranger") as stranger:
        record = tmp_path / "valkey" / RECORD
        record.parent.mkdir()
        record.write_text(f'{{"pid": {stranger.process.pid}, "started": 1.0}}')

        with Valkey(tmp_path / "valkey"):
            stranger.ping()


def test_freezing_postgresql_stops_open_sessions_too(own_postgresql: PostgreSQL) -> None:
    with own_postgresql.connect() as connection:
        (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)

        own_postgresql.freeze()

        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        own_postgresql.thaw()
    assert state == "T"


def test_postgresql_keeps_its_rows_over_a_kill(tmp_path: Path) -> None:
    with PostgreSQL(tmp_path) as server:
        with server.connect() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")

        server.kill()
        server.start()

        with server.connect() as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_a_durable_valkey_keeps_its_keys(tmp_path: Path) -> None:
    with Valkey(tmp_path, durable=True) as server:
        with server.connect() as client:
            client.set("key", "kept")

        server.restart()

        with server.connect() as client:
            assert client.get("key") == b"kept"


@pytest.mark.parametrize("password", ["wrong", ""])
def test_postgresql_wants_its_password(postgresql: PostgreSQL, password: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host="127.0.0.1", port=postgresql.port, user="postgres", password=password
        ).close()


def test_valkey_wants_its_password(tmp_path: Path) -> None:
    with (
        Valkey(tmp_path, password="s3cret") as server,
        redis.Redis(port=server.port, retry=Retry(NoBackoff(), retries=0)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must become somebody else")
def test_root_runs_postgresql_under_a_closed_folder_without_opening_it(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with PostgreSQL(closed / "postgresql", durable=False) as server:
        owner = Path(f"/proc/{server.process.pid}").stat().st_uid

    assert owner == pwd.getpwnam("nobody").pw_uid
    assert closed.stat().st_mode & 0o777 == 0o700
