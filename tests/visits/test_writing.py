"""A batch is written once: for the link, for its owner, by one writer at a time."""

import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.model.visits import FOLDED, OTHER, SLOT, Counted, Dimension, Tally
from app.storage.visits import MOST_VALUES, WRITERS_TURN, VisitTable
from tests.harness.servers import Database

NOW = datetime(2026, 11, 27, 12, 7, tzinfo=UTC)
DAY = date(2026, 11, 27)
NOON = int(datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()) // SLOT


def counted(
    code: str = "aB3xY9", visits: int = 3, browsers: Mapping[str, int] | None = None
) -> Counted:
    """Return visits of one link, with so many of each browser."""
    values = {
        (code, DAY, int(Dimension.BROWSER), name): count for name, count in (browsers or {}).items()
    }
    slots = {(code, NOON): Tally(visits=visits, bots=1, scans=2)}
    return Counted(slots, values, {(code, DAY): {1, 2}}, {code: NOW}, hashes=2)


def write(table: VisitTable, what: Counted, batch: uuid.UUID | None = None) -> None:
    """Write a batch, whoever else has the turn at the moment."""
    number = batch or uuid.uuid4()
    while not table.write(number, what):
        pass


def rows(database: Database, statement: str) -> list[tuple[Any, ...]]:
    """Return what a statement reads."""
    with database.connect() as connection:
        return connection.execute(statement.encode()).fetchall()


@pytest.fixture
def owned(table: VisitTable, module_database: Database) -> str:
    """Make a link that has an owner, and return the owner's id."""
    with module_database.connect() as connection:
        row = connection.execute(
            "INSERT INTO users (email, password_hash) VALUES ('a@example.com', 'x') RETURNING id"
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO urls (id, original_url, user_id) VALUES ('aB3xY9', 'https://a.b', %s)", row
        )
    return str(row[0])


def test_what_is_written_adds_up_for_the_link_and_its_owner(
    table: VisitTable, module_database: Database, owned: str
) -> None:
    write(table, counted(browsers={"Firefox": 1, "Chrome": 2}))
    write(table, counted(visits=4, browsers={"Firefox": 3}))

    slots = rows(module_database, "SELECT scope, slot, visits, bots, scans FROM visit_slots")
    assert sorted(slots) == sorted(
        (scope, datetime(2026, 11, 27, 12, tzinfo=UTC), 7, 2, 4) for scope in ("aB3xY9", owned)
    )
    values = rows(module_database, "SELECT scope, value, visits FROM visit_values")
    assert sorted(values) == sorted(
        (scope, value, count)
        for scope in ("aB3xY9", owned)
        for value, count in (("Firefox", 4), ("Chrome", 2))
    )
    totals = rows(
        module_database, "SELECT code, user_id::text, visits, bots, last_visit_at FROM link_counts"
    )
    assert totals == [("aB3xY9", owned, 7, 2, NOW)]


def test_a_batch_that_comes_twice_counts_once(table: VisitTable, module_database: Database) -> None:
    batch = uuid.uuid4()
    write(table, counted(), batch)
    write(table, counted(), batch)

    assert rows(module_database, "SELECT visits FROM visit_slots") == [(3,)]
    assert rows(module_database, "SELECT count(*) FROM visitor_hashes") == [(1,)]


def test_whoever_has_not_the_turn_waits_for_nothing(
    table: VisitTable, module_database: Database
) -> None:
    with module_database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (WRITERS_TURN,))

        assert not table.write(uuid.uuid4(), counted())

    assert rows(module_database, "SELECT count(*) FROM visit_batches") == [(0,)]


def test_writers_at_once_lose_nothing(table: VisitTable, module_database: Database) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: write(table, counted(visits=1)), range(100)))

    assert rows(module_database, "SELECT visits, bots FROM visit_slots") == [(100, 100)]
    assert rows(module_database, "SELECT visits FROM link_counts") == [(100,)]


def test_the_values_of_a_day_are_bounded_and_the_rest_is_other(
    table: VisitTable, module_database: Database
) -> None:
    starts = range(0, MOST_VALUES + 60, 60)
    for start in starts:
        write(table, counted(browsers={f"b{number}": 1 for number in range(start, start + 60)}))
    write(table, counted(browsers={"b0": 5, "new": 7}))

    kept = dict(rows(module_database, "SELECT value, visits FROM visit_values"))
    assert len(kept) <= MOST_VALUES + 1
    assert kept["b0"] == 6
    assert "new" not in kept
    assert kept[OTHER] >= 7
    assert sum(kept.values()) == len(starts) * 60 + 12


def test_what_did_not_fit_counts_under_no_link(
    table: VisitTable, module_database: Database
) -> None:
    write(table, counted(FOLDED))

    assert rows(module_database, "SELECT scope, visits FROM visit_slots") == [("", 3)]
    assert rows(module_database, "SELECT count(*) FROM link_counts") == [(0,)]


def test_all_workers_have_one_salt_a_day(table: VisitTable) -> None:
    with ThreadPoolExecutor(4) as threads:
        many = list(threads.map(lambda _: table.salts(DAY), range(8)))

    assert {salts[DAY] for salts in many if DAY in salts} == {table.salts(DAY)[DAY]}
    assert len(set(table.salts(DAY).values())) == len(table.salts(DAY))
