"""What the server takes back is asked for once more; what nobody can know is not."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from app.config import postgres_from_env
from app.model.errors import DatabaseUnavailable
from app.storage.connections import BoundedConnection
from app.storage.database import Database
from app.storage.health import HealthCheck
from app.storage.links import LinkTable
from app.storage.statements import Statement
from app.storage.users import UserTable
from app.targets import accept
from tests.harness.servers import Database as MadeDatabase

ONE = Statement("SELECT 1")
PREPARED_AFTER = 5


@pytest.fixture
def opened(database: MadeDatabase) -> Iterator[Database]:
    """Open a database with three connections."""
    three = {"POSTGRES_POOL_MIN": "3", "POSTGRES_POOL_MAX": "3"}
    settings = postgres_from_env({"ENV": "local", **database.environment, **three})
    opened = Database(settings, concurrent=3)
    opened.open()
    yield opened
    opened.close()


def on_all(database: Database, work: Callable[[], object]) -> None:
    """Do something on every connection, often enough for its statements to be prepared."""
    together = threading.Barrier(3)

    def often() -> None:
        for _ in range(PREPARED_AFTER + 2):
            together.wait(30)
            work()

    threads = [threading.Thread(target=often) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def create(database: Database, code: str, owner: Any = None) -> object:
    target = accept(f"https://e.com/{code}", own_hosts=frozenset(), local=False)
    return LinkTable(database).insert(code, target, owner)


@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER urls_note_change ON urls; ALTER TABLE urls ALTER COLUMN id TYPE text",
        "ALTER TABLE urls ALTER COLUMN created_at TYPE timestamptz",
        "ALTER TABLE users ALTER COLUMN password_hash TYPE varchar",
    ],
)
def test_a_column_changes_its_type_and_no_request_fails(
    opened: Database, database: MadeDatabase, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    links, users, health = LinkTable(opened), UserTable(opened), HealthCheck(opened)
    user = users.insert("ada", "ada@e.com", "hash")
    create(opened, "aaaaaa", user.id)
    ask = (
        lambda: links.known("aaaaaa"),
        lambda: users.credentials("ada@e.com"),
        lambda: [link.code for link in links.owned_by(user.id, 10).links],
    )
    on_all(opened, lambda: [one() for one in ask])
    with database.connect() as connection:
        connection.execute(change.encode())

    found, known, listed = ([one() for _ in range(6)] for one in ask)

    assert found == [found[0]] * 6
    assert known == [(user.id, "hash")] * 6
    assert listed == [["aaaaaa"]] * 6
    assert health.is_healthy()
    assert "PostgreSQL is asked once more: the plan of a statement is out of date" in caplog.text


def test_prepared_statements_are_taken_away_and_no_request_fails(
    opened: Database, caplog: pytest.LogCaptureFixture
) -> None:
    links = LinkTable(opened)
    create(opened, "aaaaaa")
    on_all(opened, lambda: links.known("aaaaaa"))
    for connection in list(opened._pool._pool._pool):
        # As a pooler does, that hands out another server's session: the driver is not told.
        connection.pgconn.exec_(b"DEALLOCATE ALL")

    assert all(links.known("aaaaaa") for _ in range(6))
    assert "PostgreSQL is asked once more: a prepared statement is gone" in caplog.text


@pytest.mark.parametrize(
    ("state", "remedied"),
    [
        ("0A000", True),
        ("26000", True),
        ("42P05", True),
        ("08P01", True),
        ("XX000", True),
        ("57P05", True),
        ("40001", True),
        ("40P01", True),
        ("22012", False),
        ("42703", False),
        ("57014", False),
    ],
)
@pytest.mark.parametrize("repeatable", [True, False])
def test_what_the_server_took_back_is_asked_for_once_more_whatever_it_is(
    opened: Database, monkeypatch: pytest.MonkeyPatch, state: str, remedied: bool, repeatable: bool
) -> None:
    asked = fail_once(monkeypatch, psycopg.errors.lookup(state)("as the server says"))

    if remedied:
        assert opened.rows(ONE, {}, repeatable=repeatable) == [(1,)]
    else:
        with pytest.raises(DatabaseUnavailable):
            opened.rows(ONE, {}, repeatable=repeatable)

    assert len(asked) == 1 + remedied


def test_what_never_ends_is_given_up(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rows(_self: BoundedConnection, text: str, _values: object, **_: object) -> object:
        asked.append(text)
        raise psycopg.errors.FeatureNotSupported

    monkeypatch.setattr(BoundedConnection, "rows", rows)

    with pytest.raises(DatabaseUnavailable):
        opened.rows(ONE, {}, repeatable=True)
    # Each of three connections may be stale, and the one that comes after them is not.
    assert len(asked) <= 4


def fail_once(monkeypatch: pytest.MonkeyPatch, error: psycopg.Error) -> list[str]:
    """Let the next statement fail; return what is asked."""
    asked: list[str] = []
    rows = BoundedConnection.rows

    def failing(self: BoundedConnection, text: str, values: Any, **more: Any) -> Any:
        asked.append(text)
        if len(asked) == 1:
            raise error
        return rows(self, text, values, **more)

    monkeypatch.setattr(BoundedConnection, "rows", failing)
    return asked


class TestHealth:
    """`/api/health` asks what requests ask."""

    def test_it_is_well_and_nothing_is_written(
        self, opened: Database, database: MadeDatabase
    ) -> None:
        health = HealthCheck(opened)

        assert [health.is_healthy() for _ in range(PREPARED_AFTER + 3)] == [True] * 8
        with database.connect() as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM urls), (SELECT count(*) FROM users)"
            ).fetchone()
        assert row == (0, 0)

    @pytest.mark.parametrize(
        ("table", "mode"), [("urls", "ACCESS EXCLUSIVE"), ("urls", "SHARE"), ("users", "SHARE")]
    )
    def test_a_lock_that_holds_up_requests_is_seen(
        self,
        opened: Database,
        database: MadeDatabase,
        caplog: pytest.LogCaptureFixture,
        table: str,
        mode: str,
    ) -> None:
        health = HealthCheck(opened)
        with database.connect() as connection, connection.transaction():
            connection.execute(f"LOCK TABLE {table} IN {mode} MODE".encode())
            assert not health.is_healthy()
        assert health.is_healthy()
        assert "PostgreSQL does not serve requests: " in caplog.text

    @pytest.mark.parametrize(
        ("change", "cause"),
        [
            ("ALTER TABLE urls RENAME COLUMN original_url TO target", "a column is missing"),
            ("ALTER TABLE users RENAME TO people", "a table is missing"),
        ],
    )
    def test_what_is_missing_is_seen(
        self,
        opened: Database,
        database: MadeDatabase,
        caplog: pytest.LogCaptureFixture,
        change: str,
        cause: str,
    ) -> None:
        with database.connect() as connection:
            connection.execute(change.encode())

        assert not HealthCheck(opened).is_healthy()
        assert f"PostgreSQL does not serve requests: {cause}" in caplog.text

    def test_a_read_only_server_is_seen(self, opened: Database, database: MadeDatabase) -> None:
        with database.connect() as connection:
            statement = f"ALTER DATABASE {database.name} SET default_transaction_read_only = on"
            connection.execute(statement.encode())
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'shortener' AND datname = current_database()"
            )

        assert not HealthCheck(opened).is_healthy()

    def test_who_asks_meanwhile_gets_the_same_answer(
        self, opened: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        health, asked = HealthCheck(opened), threading.Event()
        answer, asks = threading.Event(), []

        def serves(*_: object) -> bool:
            asks.append(1)
            asked.set()
            return answer.wait(30)

        monkeypatch.setattr(opened, "serves", serves)
        answers: list[bool] = []
        threads = [
            threading.Thread(target=lambda: answers.append(health.is_healthy())) for _ in range(4)
        ]
        threads[0].start()
        asked.wait(30)
        for thread in threads[1:]:
            thread.start()
        answer.set()
        for thread in threads:
            thread.join(30)

        assert answers == [True] * 4
        assert len(asks) < 4
