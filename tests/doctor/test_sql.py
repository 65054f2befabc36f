"""`sql`: one statement where no psql is."""

import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from tests.conftest import StartService
from tests.doctor.conftest import Environment
from tests.doctor.pasting import Pasted, paste
from tests.harness.servers import Database, PostgreSQL
from tests.harness.sinks import eventually


def _sql(environment: Environment, folder: Path, statement: str, *options: str) -> Pasted:
    return paste(shlex.join(["sql", *options, statement]), folder, environment)


def test_rows_come_with_tabs_between_their_columns(stored: Environment, tmp_path: Path) -> None:
    done = _sql(stored, tmp_path, "SELECT 1 AS one, NULL AS nothing UNION ALL SELECT 2, 'b'")

    assert (done.status, done.output) == (0, "one\tnothing\n1\t\n2\tb\n(2 rows)\n")


def test_a_statement_without_rows_says_what_it_did(
    stored: Environment, database: Database, tmp_path: Path
) -> None:
    environment = {**stored, **database.environment}

    done = _sql(environment, tmp_path, "CREATE INDEX CONCURRENTLY i ON urls (created_at)")

    assert (done.status, done.output) == (0, "CREATE INDEX\n")


def test_a_refused_statement_is_explained(stored: Environment, tmp_path: Path) -> None:
    done = _sql(stored, tmp_path, "SELECT nonsense FROM urls")

    assert done.status == 1
    assert done.output == ('sql: PostgreSQL refused: column "nonsense" does not exist (42703)\n')


def test_a_server_that_is_away_and_variables_that_make_no_sense(
    plain: Environment, tmp_path: Path
) -> None:
    away = _sql(plain, tmp_path, "SELECT 1")
    wrong = _sql({**plain, "POSTGRES_PORT": "x"}, tmp_path, "SELECT 1")

    assert (away.status, wrong.status) == (1, 3)
    assert away.output == "sql: PostgreSQL refused: the connection was refused\n"
    assert wrong.output.startswith("POSTGRES_PORT: held 'x'")


def test_it_does_not_queue_for_a_table(
    stored: Environment, database: Database, tmp_path: Path
) -> None:
    with database.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE urls")
        done = _sql({**stored, **database.environment}, tmp_path, "ALTER TABLE urls ADD x text")

    assert "canceling statement due to lock timeout" in done.output


def test_it_takes_the_variables_of_a_running_service(
    start_service: StartService, database: Database, tmp_path: Path
) -> None:
    service = start_service(database.environment)
    nothing: Environment = {}

    pid = str(service.workers[0])
    done = _sql(nothing, tmp_path, "SELECT current_database()", "--pid", pid)

    assert database.name in done.output


def test_with_no_connection_left_it_waits_for_one(
    plain: Environment, own_postgresql: PostgreSQL, tmp_path: Path
) -> None:
    with own_postgresql.connect() as connection:
        connection.execute("CREATE ROLE last LOGIN PASSWORD 'last' CONNECTION LIMIT 1")
    role = {"POSTGRES_USER": "last", "POSTGRES_PASSWORD": "last"}
    environment = {**plain, **own_postgresql.environment(), **role}
    holder = psycopg.connect(
        host="127.0.0.1", port=own_postgresql.port, user="last", password="last", dbname="postgres"
    )
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_sql, environment, tmp_path, "SELECT 42 AS answer")
        eventually(lambda: "too many connections for role" in own_postgresql.log.read_text())
        holder.close()

        assert waiting.result().output == "answer\n42\n(1 rows)\n"
