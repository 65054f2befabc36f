"""No statement of the service reads or sorts a whole table, however many links there are."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app.storage import links, statistics, tags, users
from app.storage.statements import Statement
from bench.links import code, fill, owner, target
from tests.harness.servers import Database, Databases

LINKS = 60_000
OWNERS = 3_000
BUSY_OWNER = owner(0)
TARGET: dict[str, object] = {
    "code": "aB3xY9",
    "url": "https://example.org/new",
    "digest": b"\x01" * 32,
}
KNOWN: dict[str, object] = {"code": code(7), "url": target(7), "digest": b"\x02" * 32}
LIST: dict[str, object] = {"limit": 10_001, "bytes": 1 << 22, "longest": 1 << 20}

STATEMENTS: dict[str, tuple[Statement, dict[str, object]]] = {
    "resolve": (links._SELECT_KNOWN, {"code": code(4711)}),
    "resolve, no link": (links._SELECT_KNOWN, {"code": "zzzzzz"}),
    "a link's statistics: which link": (
        Statement(statistics._LINK),
        statistics._link("ABC123", BUSY_OWNER, None),
    ),
    "create": (links._INSERT_ANONYMOUS, TARGET),
    "create, code taken": (links._INSERT_ANONYMOUS, KNOWN),
    "create, owned": (links._INSERT_OWNED, {**TARGET, "owner": owner(3)}),
    "list": (links._SELECT_OWNED, {**LIST, "owner": owner(3)}),
    "list, many links": (links._SELECT_OWNED, {**LIST, "owner": BUSY_OWNER}),
    "log in": (users._SELECT_CREDENTIALS, users._spelled(["User-3@example.com", "b@e.com"])),
    "sign up": (
        users._INSERT,
        {
            "username": "a",
            "email": "a@e.com",
            "password_hash": "x",
            **users._spelled(["a@e.com"]),
        },
    ),
    "address taken": (users._EMAIL_TAKEN, {"email": "User-3@example.com"}),
}


@pytest.fixture(scope="module")
def filled(databases: Databases) -> Iterator[Database]:
    """Make a database with links as they are in production: most users have few, one has many."""
    with databases.migrated() as database:
        with database.connect() as connection:
            fill(connection, LINKS, owners=OWNERS)
            connection.execute(
                "UPDATE urls SET user_id = %s WHERE id IN"
                " (SELECT id FROM urls WHERE user_id IS NOT NULL ORDER BY id LIMIT 5000)",
                (BUSY_OWNER,),
            )
            connection.execute("VACUUM (ANALYZE) urls")
        yield database


@pytest.mark.parametrize("generic", [False, True], ids=["custom plan", "generic plan"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_goes_by_an_index(
    connection: psycopg.Connection, name: str, generic: bool
) -> None:
    statement, parameters = STATEMENTS[name]

    nodes = list(_nodes(_plan(connection, statement, parameters, generic=generic)))

    scanned = [node for node in nodes if node["Node Type"] == "Seq Scan"]
    assert scanned == []
    # A few rows of one owner may be sorted, never what a table holds.
    assert [node for node in nodes if "Sort" in node["Node Type"] and _rows(node) > 10_000] == []
    # Rows that were read to be thrown away grow with the table.
    assert sum(node.get("Rows Removed by Filter", 0) for node in nodes) <= 1


def test_the_list_of_an_owner_with_many_links_reads_no_more_than_it_gives(
    connection: psycopg.Connection,
) -> None:
    statement, _ = STATEMENTS["list"]

    plan = _plan(connection, statement, {**LIST, "owner": BUSY_OWNER, "limit": 50}, generic=False)

    assert plan["Actual Rows"] == 50
    assert max(_rows(node) for node in _nodes(plan)) <= 51


@pytest.mark.parametrize("generic", [False, True], ids=["custom plan", "generic plan"])
def test_a_merge_of_tags_reads_the_deleted_links_of_the_owner(
    connection: psycopg.Connection, generic: bool
) -> None:
    connection.execute(
        "UPDATE urls SET deleted_at = now(), tag_ids = '{1,2}' WHERE id IN"
        " (SELECT id FROM urls WHERE user_id = $1 ORDER BY id LIMIT 20)",
        (BUSY_OWNER,),
    )
    values: dict[str, object] = {"owner": BUSY_OWNER, "taken": 1, "kept": 2, "at_once": 1_000}

    plan = _plan(connection, tags._MERGE, values, generic=generic)

    assert plan["Actual Rows"] == 20
    assert [node for node in _nodes(plan) if node["Node Type"] == "Seq Scan"] == []
    assert max(_rows(node) for node in _nodes(plan)) <= 2 * 20
    assert sum(node.get("Rows Removed by Filter", 0) for node in _nodes(plan)) == 0


def test_the_check_finds_a_scan_and_a_filter(connection: psycopg.Connection) -> None:
    statement = Statement("SELECT id FROM urls WHERE original_url = %(url)s")

    nodes = list(_nodes(_plan(connection, statement, {"url": "x"}, generic=False)))

    assert "Seq Scan" in {node["Node Type"] for node in nodes}
    assert sum(node.get("Rows Removed by Filter", 0) for node in nodes) > 1


def _plan(
    connection: psycopg.Connection,
    statement: Statement,
    parameters: dict[str, object],
    *,
    generic: bool,
) -> dict[str, Any]:
    """Run the statement as the service prepares it, and return its plan.

    By PREPARE and EXECUTE: whatever the mode, an EXPLAIN that has parameters is planned for them.
    """
    mode = "force_generic_plan" if generic else "force_custom_plan"
    connection.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
    cursor = psycopg.ClientCursor(connection)
    values = statement.values(parameters)
    given = f" ({', '.join(['%s'] * len(values))})" if values else ""
    cursor.execute(b"PREPARE asked AS " + statement.text.encode())
    try:
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked{given}"
        row = cursor.execute(explained.encode(), values).fetchone()
    finally:
        cursor.execute(b"DEALLOCATE asked")
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _rows(node: dict[str, Any]) -> float:
    return float(node["Actual Rows"] * node["Actual Loops"])
