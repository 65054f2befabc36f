"""`migrate`: from nothing and from the Go service's database, nothing lost, harmless twice."""

import hashlib
import threading
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from app.config import PostgresSettings, postgres_from_env
from app.storage import schema
from app.targets import accept
from tests.harness.servers import Database
from tests.storage import go_schema

# What the database is, as far as a difference could matter to the service.
_SHAPE = """
    SELECT 'column', table_name, column_name, data_type || ' ' || is_nullable
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name IN ('urls', 'users')
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef FROM pg_indexes
    WHERE tablename IN ('urls', 'users')
    UNION ALL
    SELECT 'trigger', event_object_table, trigger_name, action_statement
    FROM information_schema.triggers
    ORDER BY 1, 2, 3
"""


@pytest.fixture
def connection(empty_database: Database) -> Iterator[psycopg.Connection]:
    with empty_database.connect() as connection:
        yield connection


@pytest.fixture
def settings(empty_database: Database) -> PostgresSettings:
    return postgres_from_env({"ENV": "local", **empty_database.environment})


def shape(connection: psycopg.Connection) -> list[tuple[str, ...]]:
    return connection.execute(_SHAPE).fetchall()


def test_an_empty_database_gets_every_migration(settings: PostgresSettings) -> None:
    assert schema.migrate(settings) == schema.known_migrations()


def test_the_second_run_changes_nothing(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    schema.migrate(settings)
    before = shape(connection)

    assert schema.migrate(settings) == []

    assert shape(connection) == before


def test_the_go_schema_ends_as_an_empty_database_does(
    settings: PostgresSettings, connection: psycopg.Connection, database: Database
) -> None:
    go_schema.create(connection)

    schema.migrate(settings)

    with database.connect() as fresh:
        assert shape(connection) == shape(fresh)


def test_no_row_of_the_go_service_is_lost_or_changed(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    go_schema.add_links(connection, 1000)
    links = "SELECT original_url, id, created_at, user_id FROM urls ORDER BY id"
    users = "SELECT id, username, email, password_hash, created_at FROM users"
    before = connection.execute(links).fetchall(), connection.execute(users).fetchall()

    schema.migrate(settings)

    assert (connection.execute(links).fetchall(), connection.execute(users).fetchall()) == before
    assert connection.execute(
        "SELECT count(*) FROM urls WHERE target_digest IS NULL"
    ).fetchone() == (0,)


def test_two_at_once_do_the_work_once(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    go_schema.add_links(connection, 1000)
    applied: list[list[str]] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        applied.append(schema.migrate(settings))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(applied) == [[], [], [], schema.known_migrations()]


def test_it_waits_no_longer_than_told_for_another(settings: PostgresSettings) -> None:
    with schema._sole_migration(settings, 1.0), pytest.raises(schema.MigrationTimeout):
        schema.migrate(settings, wait=0.0)


def test_the_lock_of_a_migration_that_was_killed_holds_nobody_up(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    schema.migrate(settings)
    connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 4711)")

    assert schema.migrate(settings) == []


def test_an_index_whose_build_was_interrupted_is_built_anew(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    go_schema.add_links(connection, 10)
    connection.execute("ALTER TABLE urls ADD COLUMN target_digest bytea")
    connection.execute("UPDATE urls SET target_digest = 'same'")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY urls_anonymous_target_key"
            " ON urls (target_digest) WHERE user_id IS NULL"
        )
    connection.execute("UPDATE urls SET target_digest = NULL")

    schema.migrate(settings)

    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert connection.execute(invalid).fetchone() == (0,)


def test_targets_that_differ_only_in_case_stay_two_links(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    go_schema.add_link(connection, "older1", "https://Example.com/a")
    go_schema.add_link(connection, "newer1", "https://example.com/a")

    schema.migrate(settings)

    found = connection.execute("SELECT id, target_digest IS NULL FROM urls ORDER BY id DESC")
    assert found.fetchall() == [("older1", False), ("newer1", True)]


def test_users_whose_addresses_differ_only_in_case_all_stay(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    connection.execute(
        "INSERT INTO users (username, email, password_hash) VALUES ('second', %s, 'x')",
        (go_schema.OWNER_EMAIL.lower(),),
    )

    schema.migrate(settings)

    found = connection.execute("SELECT username, email_ambiguous FROM users ORDER BY created_at")
    assert found.fetchall() == [("ana", False), ("second", True)]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a?b=c#d",
        "HTTP://Example.COM:8080/Path?Q=A",
        "example.com/without-scheme",
        "https://президент.рф/путь?x=ё",
        "https://example.com/путь",
        "https://[2001:DB8::1]:8443/x",
        "https://example.com",
        "https://example.com?q=https://Other.example/",
    ],
)
def test_a_row_of_the_go_service_has_the_digest_of_the_application(
    settings: PostgresSettings, connection: psycopg.Connection, url: str
) -> None:
    go_schema.create(connection)
    go_schema.add_link(connection, "before", url)

    schema.migrate(settings)

    expected = accept(url, own_hosts=frozenset(), local=False).digest
    assert connection.execute("SELECT target_digest FROM urls").fetchone() == (expected,)


def test_a_row_that_the_go_service_writes_afterwards_gets_a_digest_too(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    schema.migrate(settings)

    go_schema.add_link(connection, "after1", "HTTPS://Example.com/A")

    expected = hashlib.sha256(b"https://example.com/A").digest()
    assert connection.execute("SELECT target_digest FROM urls").fetchone() == (expected,)


def test_a_target_longer_than_a_b_tree_takes_can_be_stored(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    schema.migrate(settings)

    # Random characters, which PostgreSQL cannot compress below the limit.
    noise = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(120))
    go_schema.add_link(connection, "long01", f"https://example.com/{noise}")

    assert connection.execute("SELECT length(original_url) FROM urls").fetchone() == (7700,)


def test_the_same_target_may_have_a_link_for_each_owner(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    go_schema.add_link(connection, "nobody", "https://example.com/")
    schema.migrate(settings)

    go_schema.add_link(connection, "owner1", "https://example.com/", UUID(int=go_schema.OWNER.int))

    assert connection.execute("SELECT count(*) FROM urls").fetchone() == (2,)
