"""A page of a list reads no more than a page may cost, whatever it is sorted by and holds."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app.config import postgres_from_env
from app.model.managed_links import State
from app.storage import list_statements as statements
from app.storage.database import Database as Store
from app.storage.link_lists import LinkLists, Listing
from app.storage.list_statements import ORDERS, Shape
from app.storage.statements import Statement
from bench.links import code, fill, owner
from tests.harness.servers import Database, Databases
from tests.performance.test_query_plans import _nodes, _plan, _rows

LINKS = 20_000
LIMIT, WALK = 21, 500
OWNER = owner(0)
VALUES: dict[str, object] = {
    "owner": OWNER,
    "limit": LIMIT,
    "walk": WALK,
    "most": 200,
    "tag": 1,
    "pattern": "%no such text%",
    "found_tags": [2],
    "code": code(9_000),
    "codes": [code(number) for number in range(1, 400, 2)],
}
KEYS = {
    "created_at": "2024-01-01T10:00:00",
    "visits": 3,
    "last_visit_at": "2024-01-02T00:00:00Z",
    "code": None,
}
SHAPES = [
    Shape(sort, descending, None, tag=False, search=False)
    for sort in ORDERS
    for descending in (False, True)
]


@pytest.fixture(scope="module")
def filled(databases: Databases) -> Iterator[Database]:
    """Make a database in which one owner has half of all links, and everybody else two.

    Half of the links are counted. A plan for any owner expects two.
    """
    with databases.migrated() as database:
        with database.connect() as connection:
            fill(connection, LINKS, owners=5_000)
            connection.execute("UPDATE urls SET user_id = %s WHERE user_id IS NULL", (OWNER,))
            connection.execute(
                "INSERT INTO link_counts (code, user_id, visits, last_visit_at)"
                " SELECT id, user_id, length(id) + hashtext(id) % 1000, created_at"
                " FROM urls WHERE hashtext(id) % 2 = 0"
            )
            connection.execute(
                "UPDATE urls SET expires_at = now() - interval '1 day' WHERE hashtext(id) % 50 = 0"
            )
            connection.execute(
                "INSERT INTO tags (user_id, key, name)"
                " SELECT gen_random_uuid(), n::text, n::text FROM generate_series(1, 2000) AS n"
            )
            connection.execute("INSERT INTO link_tags (tag_id, code) SELECT 1, id FROM urls")
            for table in ("urls", "link_counts", "tags", "link_tags"):
                connection.execute(f"VACUUM (ANALYZE) {table}".encode())
        yield database


def read(
    connection: psycopg.Connection, statement: Statement, *, generic: bool, **values: object
) -> list[dict[str, Any]]:
    plan = _plan(connection, statement, {**VALUES, **values}, generic=generic)
    return [node for node in _nodes(plan) if node["Actual Loops"]]


def rows_of(nodes: list[dict[str, Any]]) -> float:
    """Return the most rows that any step gave or threw away: what a scan of a table would have."""
    return max(
        _rows(node) + float(node.get("Rows Removed by Filter", 0) * node["Actual Loops"])
        for node in nodes
    )


@pytest.mark.parametrize("generic", [False, True], ids=["custom plan", "generic plan"])
@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("placed", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.sort} {shape.descending}")
class TestAWalk:
    def test_reads_a_page_and_no_more(
        self,
        connection: psycopg.Connection,
        shape: Shape,
        placed: bool,
        keyed: bool,
        generic: bool,
    ) -> None:
        statement = statements.walk(shape, keyed=keyed, placed=placed)

        nodes = read(connection, statement, generic=generic, key=KEYS[shape.sort])

        # Those without a count are found among all: every second one.
        by_count = shape.sort in {"visits", "last_visit_at"}
        assert rows_of(nodes) <= (20 * LIMIT if by_count and not keyed else LIMIT)

    def test_that_finds_nothing_ends(
        self,
        connection: psycopg.Connection,
        shape: Shape,
        placed: bool,
        keyed: bool,
        generic: bool,
    ) -> None:
        rare = Shape(shape.sort, shape.descending, State.DELETED, tag=True, search=True)
        statement = statements.walk(rare, keyed=keyed, placed=placed)

        nodes = read(connection, statement, generic=generic, key=KEYS[shape.sort])

        assert rows_of(nodes) <= 20 * WALK


@pytest.mark.parametrize("generic", [False, True], ids=["custom plan", "generic plan"])
class TestGathering:
    def test_a_tag_ends_when_there_are_too_many(
        self, connection: psycopg.Connection, generic: bool
    ) -> None:
        nodes = read(connection, statements.gather_tag(), generic=generic)

        assert rows_of(nodes) <= 200

    @pytest.mark.parametrize(
        "state", [state for state in State if statements.gather_state(state) is not None]
    )
    def test_a_state_goes_by_its_index(
        self, connection: psycopg.Connection, state: State, generic: bool
    ) -> None:
        statement = statements.gather_state(state)
        assert statement is not None

        assert rows_of(read(connection, statement, generic=generic)) <= 200

    @pytest.mark.parametrize("placed", ["", "keyed", "unkeyed"])
    @pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.sort} {shape.descending}")
    def test_those_chosen_are_all_that_is_read(
        self, connection: psycopg.Connection, shape: Shape, placed: str, generic: bool
    ) -> None:
        statement = statements.choose(shape, placed=placed)

        nodes = read(connection, statement, generic=generic, key=KEYS[shape.sort])

        assert rows_of(nodes) <= 2 * 200


def test_a_page_is_planned_for_its_owner_each_time(filled: Database) -> None:
    environment = {"ENV": "local", "POSTGRES_POOL_MAX": "1", **filled.environment}
    store = Store(postgres_from_env(environment), concurrent=1)
    store.open()
    kept = Statement("SELECT statement FROM pg_prepared_statements WHERE statement LIKE %(part)s")
    lists = LinkLists(store)

    for _ in range(12):  # psycopg prepares after five
        lists.page(OWNER, Listing("visits", descending=True, state=State.EXPIRED), None, 20)
        lists.page(OWNER, Listing("visits", descending=True), None, 20)
        store.rows(kept, {"part": "%pg_prepared%"}, repeatable=True)

    prepared = store.rows(kept, {"part": "%"}, repeatable=True)
    store.close()
    assert [text for (text,) in prepared if "urls" in text] == []
    assert len(prepared) == 1
