"""Who holds a lock, since when, what kind it runs, and the command that ends it."""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from app.doctor.findings import Finding
from app.storage.blockers import kind_of
from tests.conftest import StartService
from tests.doctor.command import doctor, examine, said
from tests.doctor.conftest import Environment
from tests.doctor.pasting import paste
from tests.harness.servers import Database

Hold = Callable[..., psycopg.Connection]
# Long enough to be worth a word.
_HAS_WAITED = """
    SELECT pg_blocking_pids(pid) <> '{}' AND clock_timestamp() - query_start > '0.3 s'
    FROM pg_stat_activity WHERE pid = %s
"""


@pytest.fixture
def hold(database: Database) -> Iterator[Hold]:
    """Run a statement in a session whose transaction stays open."""
    with ExitStack() as stack:

        def run(statement: str, application: str = "a prompt") -> psycopg.Connection:
            connection = stack.enter_context(contextlib.closing(database.connect()))
            connection.execute(f"SET application_name = '{application}'".encode())
            connection.autocommit = False
            connection.execute(statement.encode())
            return connection

        yield run


@pytest.fixture
def mine(plain: Environment, database: Database) -> Environment:
    """Return an environment with a database of this test's own."""
    return {**plain, **database.environment}


def _next(row: Finding) -> str:
    assert row.advice is not None
    return row.advice.next


@contextmanager
def _waiting(database: Database, statement: str) -> Iterator[None]:
    """Let another session wait for what a test's own holds."""
    with database.connect() as connection:

        def work() -> None:
            try:
                connection.execute(statement.encode())
            except psycopg.Error:
                return  # its lock was ended, or the test

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        pid = connection.info.backend_pid
        with database.connect() as other:
            while other.execute(_HAS_WAITED, (pid,)).fetchone() != (True,):
                pass
        yield
        connection.cancel_safe()
        thread.join(10)


def test_a_table_that_somebody_locked(
    mine: Environment, hold: Hold, start_service: StartService, tmp_path: Path
) -> None:
    service = start_service(mine, port=int(mine["PORT"]))
    holder = hold("LOCK TABLE urls IN ACCESS EXCLUSIVE MODE")
    pid = holder.info.backend_pid
    environment = service.environment

    outcome = doctor(environment, "--json", cwd=tmp_path)

    requests, locks = outcome.rows["requests"], outcome.rows["locks"]
    assert outcome.status == 1
    assert requests["found"] == "resolve: a lock was not available in time"
    assert requests["cause"] == "another session holds urls: see locks"
    assert locks["found"].startswith(
        f"session {pid} of postgres (a prompt), idle in a transaction after LOCK TABLE for "
    )
    assert re.search(r" (holds up \d sessions?|keeps everybody out), .*over urls$", locks["found"])
    assert outcome.rows["schema"]["found"].endswith("see locks")
    # Pasted as it stands, it helps.
    assert requests["next"] == locks["next"]
    assert paste(locks["next"], tmp_path, environment).status == 0
    created = service.client.post(f"{service.url}/api/", json={"url": "https://example.com/"})
    assert created.status_code == 201
    assert examine(environment)["requests"].status == "ok"


def test_a_statement_that_queues_behind_an_open_transaction_holds_up_all(
    mine: Environment, hold: Hold, database: Database
) -> None:
    holder = hold("SELECT count(*) FROM urls")
    with _waiting(database, "ALTER TABLE urls ADD COLUMN later text"):
        rows = examine(mine)

    # Ending the ALTER TABLE would help for a moment; the open transaction is the cause.
    assert f"session {holder.info.backend_pid} of postgres" in rows["locks"].found
    assert "idle in a transaction after SELECT" in rows["locks"].found
    assert re.search(r"holds up \d sessions?, one for ", rows["locks"].found)
    assert "left its transaction open" in said(rows["locks"])
    assert rows["requests"].status == "fail"


def test_a_row_that_somebody_holds_is_worth_a_look(
    mine: Environment, hold: Hold, database: Database
) -> None:
    with database.connect() as connection:
        connection.execute("INSERT INTO urls (id, original_url) VALUES ('abcdef', 'https://e.com')")
    hold("UPDATE urls SET original_url = 'https://f.com' WHERE id = 'abcdef'")
    with _waiting(database, "DELETE FROM urls WHERE id = 'abcdef'"):
        rows = examine(mine)

    assert rows["locks"].found.endswith("over urls")
    assert "UPDATE" in rows["locks"].found
    # What requests do goes on.
    assert rows["requests"].status == "ok"


def test_in_production_it_is_a_task_of_its_own_that_ends_the_session(
    mine: Environment, hold: Hold, tmp_path: Path
) -> None:
    holder = hold("LOCK TABLE users IN SHARE MODE")
    environment = {**mine, "ENV": "production"}

    rows = examine(environment)
    pasted = paste(_next(rows["locks"]), tmp_path, environment)

    assert rows["requests"].found == "sign up: a lock was not available in time"
    assert _next(rows["locks"]).startswith("aws ecs run-task --cluster tinyurl-prod ")
    assert (pasted.status, pasted.output) == (0, "pg_terminate_backend\nt\n(1 rows)\n")
    with pytest.raises(psycopg.OperationalError):
        holder.execute("SELECT 1")


def test_a_session_that_ended_by_itself_is_not_taken_for_another(
    mine: Environment, hold: Hold, tmp_path: Path
) -> None:
    holder = hold("LOCK TABLE urls")
    command = _next(examine(mine)["locks"])
    holder.close()

    assert "(0 rows)" in paste(command, tmp_path, mine).output


def test_nobody_waits(mine: Environment, database: Database) -> None:
    with database.connect() as connection:
        before = connection.execute("SELECT count(*) FROM urls, users").fetchone()
        rows = examine(mine)
        after = connection.execute("SELECT count(*) FROM urls, users").fetchone()

    assert rows["locks"].found == "nobody waits"
    assert rows["requests"].found.endswith("done and taken back")
    assert before == after == (0,)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("LOCK TABLE urls IN ACCESS EXCLUSIVE MODE", "LOCK TABLE"),
        ("  alter\n table urls add column x text", "ALTER TABLE"),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON urls (id)", "CREATE UNIQUE INDEX"),
        ("/* 'secret' */ -- more\n update urls set id = 'secret'", "UPDATE"),
        ("VACUUM FULL urls", "VACUUM"),
        ("<insufficient privilege>", "a statement"),
        ("secret", "a statement"),
        ("selected", "a statement"),
        ("", "a statement"),
    ],
)
def test_a_statement_is_named_by_its_kind_alone(query: str, kind: str) -> None:
    assert kind_of(query) == kind
