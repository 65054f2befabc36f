"""The Go service and ours at once, on the same targets, while the database changes under them."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from app.config import PostgresSettings, postgres_from_env
from app.links import Links
from app.storage import migrator, schema
from app.storage.cache import LinkCache
from app.storage.links import LinkTable
from app.targets import accept
from tests.harness.go_service import GoService
from tests.harness.servers import Database
from tests.harness.sinks import eventually
from tests.storage import go_schema
from tests.storage.conftest import open_store

OWNER = go_schema.OWNER
OURS, THEIRS = 3, 3
CREATES = 150
# Few enough that every one of them is raced for again and again.
TARGETS = [
    f"{scheme}{host}/{number}"
    for number in range(40)
    for scheme in ("https://", "http://", "")
    for host in ("example.com", "EXAMPLE.com", "президент.рф", "ПРЕЗИДЕНТ.рф")
]
Create = Callable[[str, object], str]


@pytest.fixture
def settings(empty_database: Database) -> PostgresSettings:
    return postgres_from_env({"ENV": "local", **empty_database.environment})


@pytest.fixture
def connection(empty_database: Database) -> Iterator[psycopg.Connection]:
    with empty_database.connect() as connection:
        connection.execute("SET application_name = 'test'")
        go_schema.create(connection)
        yield connection


def creators(database: Database, stack: ExitStack, ours: int) -> list[Create]:
    """Return creates of the Go service, and of ours where the schema is there for it."""
    found: list[Create] = []
    for _ in range(THEIRS):
        go = stack.enter_context(GoService(database.environment))
        found.append(lambda url, owner, go=go: go.create(url, owner).code)  # type: ignore[misc]
    for _ in range(ours):
        store = open_store(database)
        stack.callback(store.close)
        links = Links(LinkTable(store), LinkCache(None), own_hosts=frozenset(), local=False)
        found.append(
            lambda url, owner, links=links: links.shorten(  # type: ignore[misc]
                url, owner=owner, request_host="s.example"
            )[0]
        )
    return found


def race(create: Create, seed: int, begun: threading.Event | None = None) -> dict[str, str]:
    """Create links in an order of its own; return the target that each code was given for."""
    order = random.Random(seed)
    given = {}
    for number in range(CREATES):
        url, owner = order.choice(TARGETS), order.choice([None, OWNER])
        given[create(url, owner)] = url
        if begun is not None and number == CREATES // 10:
            begun.set()
    return given


def check(connection: psycopg.Connection, given: list[dict[str, str]]) -> None:
    """Each code leads to the target it was given for, whatever the spelling of its host."""
    rows = connection.execute("SELECT id, original_url FROM urls").fetchall()
    stored: dict[str, str] = dict(rows)
    for code, url in (item for codes in given for item in codes.items()):
        assert _digest(stored[code]) == _digest(url)


def _digest(url: str) -> bytes:
    return accept(url, own_hosts=frozenset(), local=False).digest


def test_no_create_fails_beside_the_other_service(
    settings: PostgresSettings, connection: psycopg.Connection, empty_database: Database
) -> None:
    schema.migrate(settings)
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        creates = creators(empty_database, stack, OURS)
        given = list(pool.map(race, creates, range(len(creates))))

    check(connection, given)


def test_no_create_of_the_go_service_fails_while_the_database_is_expanded(
    settings: PostgresSettings, connection: psycopg.Connection, empty_database: Database
) -> None:
    go_schema.add_links(connection, 5000)
    begun = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        creates = creators(empty_database, stack, 0)
        racing = [pool.submit(race, create, seed, begun) for seed, create in enumerate(creates)]
        assert begun.wait(30)
        applied = schema.migrate(settings)
        given = [result.result() for result in racing]

    assert applied == schema.known_migrations()
    check(connection, given)


def test_no_create_of_ours_fails_while_the_go_service_is_retired_and_readmitted(
    settings: PostgresSettings, connection: psycopg.Connection, empty_database: Database
) -> None:
    schema.migrate(settings)
    begun = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        creates = creators(empty_database, stack, OURS)[THEIRS:]
        racing = [pool.submit(race, create, seed, begun) for seed, create in enumerate(creates)]
        assert begun.wait(30)
        schema.retire_go_service(settings, force=True)
        given = [result.result() for result in racing]

    check(connection, given)


def test_a_long_read_holds_up_neither_service_for_longer_than_a_lock_is_waited_for(
    settings: PostgresSettings, connection: psycopg.Connection, empty_database: Database
) -> None:
    # As pg_dump does: ALTER TABLE has to wait for it, and whoever comes later waits behind.
    with (
        empty_database.connect() as reader,
        GoService(empty_database.environment) as go,
        ThreadPoolExecutor() as pool,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT FROM urls")
        migrating = pool.submit(schema.migrate, settings)
        eventually(lambda: _waiting(connection), 30)
        # The Go service gives up after 5 s.
        assert go.create("https://example.com/meanwhile").new
        reader.execute("COMMIT")

        assert migrating.result(60) == schema.known_migrations()


def test_a_lock_is_waited_for_until_an_autovacuum_in_the_way_has_been_ended(
    settings: PostgresSettings, connection: psycopg.Connection
) -> None:
    names = "SELECT setting::int FROM pg_settings WHERE name = %s"
    with migrator.sole_migrator(settings, 5) as sole:
        (patience,) = sole.connection.execute(names, ("lock_timeout",)).fetchone() or (0,)
        (ended_after,) = sole.connection.execute(names, ("deadlock_timeout",)).fetchone() or (0,)

    # The Go service gives up after 5 s.
    assert ended_after < patience < 5000


def test_after_a_kill_in_the_middle_of_an_index_nobody_waits_and_the_next_run_ends_it(
    settings: PostgresSettings, connection: psycopg.Connection, empty_database: Database
) -> None:
    go_schema.add_links(connection, 100)
    schema.migrate(settings)
    connection.execute("DROP INDEX urls_owner_target_key")
    connection.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0005%'")
    with (
        empty_database.connect() as writer,
        GoService(empty_database.environment) as go,
        ThreadPoolExecutor() as pool,
    ):
        # What CREATE INDEX CONCURRENTLY waits for.
        writer.execute("BEGIN")
        go_schema.add_link(writer, "writer", "https://example.com/writer")
        _kill(_start(empty_database), lambda: _building(connection))

        again = pool.submit(schema.migrate, settings)
        eventually(lambda: _waiting(connection), 60)
        made = go.create("https://example.com/meanwhile")
        assert go.resolve(made.code) == "https://example.com/meanwhile"
        assert not again.done()
        writer.execute("COMMIT")
        again.result(60)

    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert connection.execute(invalid).fetchone() == (0,)


def _start(database: Database) -> "subprocess.Popen[bytes]":
    command = [str(Path(sys.executable).with_name("migrate"))]
    return subprocess.Popen(command, env={"PATH": os.environ["PATH"], **database.environment})


def _kill(process: "subprocess.Popen[bytes]", when: Callable[[], bool]) -> None:
    try:
        eventually(when, 30)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def _building(connection: psycopg.Connection) -> bool:
    statement = "SELECT count(*) FROM pg_stat_progress_create_index"
    return connection.execute(statement).fetchone() != (0,)


def _waiting(connection: psycopg.Connection) -> bool:
    """Tell whether a migration waits for a lock."""
    statement = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'shortener-migrating'
            AND wait_event_type = 'Lock'
    """
    return connection.execute(statement).fetchone() != (0,)
