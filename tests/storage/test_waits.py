"""Waits for a turn or a connection: bounded, counted, said, and told to whoever is refused."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from app import metrics
from app.config import postgres_from_env
from app.model.errors import DatabaseUnavailable
from app.storage.connections import Row
from app.storage.database import Database
from app.storage.statements import Statement
from tests.harness.servers import Database as MadeDatabase
from tests.harness.sinks import eventually

COUNT = Statement("SELECT count(*) FROM urls")


class Counts:
    """What was recorded, in order."""

    def __init__(self) -> None:
        self.waits: list[str] = []
        self.refusals: list[str] = []


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Counts:
    """Note what is counted."""
    caplog.set_level(logging.INFO)
    counts = Counts()
    monkeypatch.setattr(metrics, "record_database_wait", counts.waits.append)
    monkeypatch.setattr(metrics, "record_database_refusal", counts.refusals.append)
    return counts


@contextmanager
def opened(made: MadeDatabase, *, concurrent: int, connections: int) -> Iterator[Database]:
    """Open a database on which all connections stand ready."""
    most = {"POSTGRES_POOL_MAX": str(connections), "POSTGRES_POOL_MIN": str(connections)}
    settings = postgres_from_env({"ENV": "local", **made.environment, **most})
    database = Database(settings, concurrent=concurrent)
    database.open()
    eventually(lambda: database.statistics()["idle"] == connections)
    try:
        yield database
    finally:
        database.close()


def count(database: Database) -> list[Row]:
    return database.rows(COUNT, {}, repeatable=True)


@contextmanager
def locked(made: MadeDatabase) -> Iterator[threading.Event]:
    """Hold every statement about links, until the event is set."""
    with made.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE urls IN ACCESS EXCLUSIVE MODE")
        release = threading.Event()
        try:
            yield release
        finally:
            connection.execute("ROLLBACK")


def test_without_a_crowd_nothing_waits(counts: Counts, module_database: MadeDatabase) -> None:
    with opened(module_database, concurrent=1, connections=1) as database:
        for _ in range(3):
            count(database)

    assert (counts.waits, counts.refusals) == ([], [])


def test_one_too_many_waits_for_a_turn_and_is_told_that_there_was_none(
    counts: Counts, module_database: MadeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        opened(module_database, concurrent=1, connections=2) as database,
        ThreadPoolExecutor(2) as threads,
    ):
        with locked(module_database):
            first = threads.submit(count, database)
            eventually(lambda: database.statistics()["used"] == 1)
            second = threads.submit(count, database)
            with pytest.raises(DatabaseUnavailable) as caught:
                second.result()
            with pytest.raises(DatabaseUnavailable):
                count(database)  # does not wait again: nobody has had a turn meanwhile
        assert first.result() == [(0,)]

    assert counts.waits == ["turn"]
    assert counts.refusals == ["turn", "turn"]
    assert "no turn in time" in str(caught.value.reason)
    assert caplog.messages == [
        "Requests wait for PostgreSQL: no turn was free",
        f"PostgreSQL refused a statement: {caught.value.reason}",
    ]
    assert database.waiting() == {"turn": 0, "connection": 0}


def test_who_waits_is_seen_meanwhile_and_served(
    counts: Counts, module_database: MadeDatabase
) -> None:
    with (
        opened(module_database, concurrent=2, connections=1) as database,
        ThreadPoolExecutor(2) as threads,
    ):
        with locked(module_database):
            first = threads.submit(count, database)
            eventually(lambda: database.statistics()["used"] == 1)
            second = threads.submit(count, database)
            eventually(lambda: database.waiting() == {"turn": 0, "connection": 1})
        assert [first.result(), second.result()] == [[(0,)], [(0,)]]

    assert counts.waits == ["connection"]
    assert counts.refusals == []
    assert database.waiting() == {"turn": 0, "connection": 0}


def test_a_connection_that_does_not_come_free_is_said(
    counts: Counts, module_database: MadeDatabase
) -> None:
    with (
        opened(module_database, concurrent=2, connections=1) as database,
        ThreadPoolExecutor(2) as threads,
    ):
        with locked(module_database):
            first = threads.submit(count, database)
            eventually(lambda: database.statistics()["used"] == 1)
            with pytest.raises(DatabaseUnavailable) as caught:
                count(database)
        assert first.result() == [(0,)]
        assert database.statistics()["timeouts"] == 1

    assert counts.refusals == ["connection"]
    assert caught.value.reason == "no connection in time"


def test_behind_the_breaker_the_cause_is_its(
    counts: Counts, own_database: MadeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(own_database, concurrent=1, connections=1) as database:
        own_database.server.stop()
        causes = set()
        for _ in range(5):
            with pytest.raises(DatabaseUnavailable) as caught:
                count(database)
            causes.add(caught.value.reason)

    assert counts.refusals[-1] == "breaker"
    assert all(causes)
    assert len([message for message in caplog.messages if "is away" in message]) == 1
