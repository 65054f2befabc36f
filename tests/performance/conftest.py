"""What the tests of plans share."""

from collections.abc import Iterator

import psycopg
import pytest

from app.config import postgres_from_env
from app.storage.connections import connect
from tests.harness.servers import Database


@pytest.fixture
def connection(filled: Database) -> Iterator[psycopg.Connection]:
    """Connect to a file's own `filled` as the service does; what a statement writes is undone."""
    settings = postgres_from_env({"ENV": "local", **filled.environment})
    with connect(settings) as connection:
        connection.execute("BEGIN")
        yield connection
        connection.execute("ROLLBACK")
