"""Visits counted in this process, on a real database."""

from collections.abc import Iterator

import pytest

from app.config import postgres_from_env
from app.storage.database import Database
from app.storage.visits import VisitTable
from tests.harness.servers import Database as MadeDatabase


@pytest.fixture(scope="module")
def store(module_database: MadeDatabase) -> Iterator[Database]:
    """Open the pool that the tests of one file share."""
    settings = postgres_from_env({"ENV": "local", **module_database.environment})
    store = Database(settings, concurrent=4)
    store.open()
    yield store
    store.close()


@pytest.fixture
def table(store: Database, module_database: MadeDatabase) -> VisitTable:
    """Make the tables of visits, which are empty."""
    with module_database.connect() as connection:
        connection.execute(
            "TRUNCATE urls, users, link_counts, visit_batches, visit_slots, visit_days,"
            " visit_values, visitor_sketches, visitor_hashes, visitor_salts"
        )
    return VisitTable(store)
