"""`migrate`: from nothing and from the Go service's database, nothing lost, harmless twice."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import yoyo

from app.commands import migrate as command
from app.config import PostgresSettings, postgres_from_env
from app.storage import indexes, migrator, schema
from app.targets import accept
from tests.harness.servers import Database
from tests.storage import go_schema

# What the database is, as far as a difference could matter to the service.
_SHAPE = """
    SELECT 'column', table_name, column_name, data_type || ' ' || is_nullable
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name IN ('urls', 'users')
    UNION ALL
    SELECT 'default', table_name, column_name, column_default
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = 'urls' AND column_default IS NOT NULL
    UNION ALL
    SELECT 'function', proname, '', prosrc FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proname <> 'uuid_generate_v4'
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef FROM pg_indexes
    WHERE tablename IN ('urls', 'users')
    UNION ALL
    SELECT 'trigger', event_object_table, trigger_name, action_statement
    FROM information_schema.triggers
    ORDER BY 1, 2, 3
"""


# The migrations as release 1.0 had them.
RELEASE_1_0 = Path(__file__).parent / "release_1_0"
RELEASED = sorted(file.stem for file in RELEASE_1_0.iterdir() if file.suffix in {".sql", ".py"})


@pytest.fixture
def connection(empty_database: Database) -> Iterator[psycopg.Connection]:
    with empty_database.connect() as connection:
        # Who has no name is taken for the Go service.
        connection.execute("SET application_name = 'test'")
        yield connection


@pytest.fixture
def settings(empty_database: Database) -> PostgresSettings:
    return postgres_from_env({"ENV": "local", **empty_database.environment})


def shape(connection: psycopg.Connection) -> list[tuple[str, ...]]:
    return connection.execute(_SHAPE).fetchall()


def migrate_as_release_1_0(settings: PostgresSettings, count: int) -> None:
    """Apply the first `count` of its migrations, as when it was killed then."""
    with yoyo.get_backend(migrator._uri(settings)) as backend:
        for migration in yoyo.read_migrations(str(RELEASE_1_0))[:count]:
            backend.apply_one(migration)


def test_an_empty_database_gets_every_migration(settings: PostgresSettings) -> None:
    assert schema.migrate(settings) == schema.known_migrations() + schema.retiring_migrations()


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
    schema.retire_go_service(settings)

    with database.connect() as fresh:
        assert shape(connection) == shape(fresh)


@pytest.mark.parametrize("applied", range(len(RELEASED) + 1))
@pytest.mark.parametrize("start", [go_schema.create, lambda _: None], ids=["go", "empty"])
def test_what_release_1_0_left_even_half_done_ends_as_an_empty_database_does(
    settings: PostgresSettings,
    connection: psycopg.Connection,
    database: Database,
    start: Callable[[psycopg.Connection], None],
    applied: int,
) -> None:
    start(connection)
    migrate_as_release_1_0(settings, applied)

    schema.migrate(settings)
    schema.retire_go_service(settings)

    with database.connect() as fresh:
        assert shape(connection) == shape(fresh)


@pytest.mark.parametrize("start", [go_schema.create, lambda _: None], ids=["go", "empty"])
def test_every_migration_may_run_again(
    settings: PostgresSettings,
    connection: psycopg.Connection,
    start: Callable[[psycopg.Connection], None],
) -> None:
    # One that is killed after its last statement is not noted as applied.
    start(connection)
    schema.migrate(settings)
    before = shape(connection)
    connection.execute("DELETE FROM _yoyo_migration")

    schema.migrate(settings)

    assert shape(connection) == before


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
    with migrator.sole_migrator(settings, 1.0), pytest.raises(schema.MigrationTimeout):
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


@pytest.mark.parametrize("then", [schema.migrate, schema.retire_go_service])
@pytest.mark.parametrize("url", ["HTTPS://Example.com/A", "https://Президент.рф/путь"])
def test_a_row_that_the_go_service_writes_afterwards_gets_its_digest_from_the_next_run(
    settings: PostgresSettings,
    connection: psycopg.Connection,
    then: Callable[..., list[str]],
    url: str,
) -> None:
    go_schema.create(connection)
    schema.migrate(settings)
    go_schema.add_link(connection, "after1", url, created_at="2024-01-01")

    then(settings)

    expected = accept(url, own_hosts=frozenset(), local=False).digest
    found = connection.execute("SELECT target_digest, digest_due FROM urls")
    assert found.fetchone() == (expected, False)


def test_a_target_longer_than_a_b_tree_takes_can_be_stored(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    schema.retire_go_service(settings)

    # Random characters, which PostgreSQL cannot compress below the limit.
    noise = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(120))
    go_schema.add_link(connection, "long01", f"https://example.com/{noise}")

    assert connection.execute("SELECT length(original_url) FROM urls").fetchone() == (7700,)


def test_the_same_target_may_have_a_link_for_each_owner(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    go_schema.create(connection)
    go_schema.add_link(connection, "nobody", "https://example.com/")
    schema.retire_go_service(settings)

    go_schema.add_link(connection, "owner1", "https://example.com/", UUID(int=go_schema.OWNER.int))

    assert connection.execute("SELECT count(*) FROM urls").fetchone() == (2,)


def test_rows_in_the_way_of_an_index_are_told_and_leave_nothing_behind(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE TABLE raced (n int)")
    connection.execute("INSERT INTO raced VALUES (1), (1)")

    with pytest.raises(psycopg.errors.UniqueViolation):
        indexes.build_unique(connection, "raced_key", "raced (n)")

    assert connection.execute("SELECT to_regclass('raced_key')").fetchone() == (None,)


def test_the_command_says_what_to_do_about_them(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def raced(settings: PostgresSettings) -> list[str]:
        raise psycopg.errors.UniqueViolation

    for name, value in {"ENV": "local", **empty_database.environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(schema, "migrate", raced)

    assert command.main([]) == 1
    assert "run it again" in capsys.readouterr().err
