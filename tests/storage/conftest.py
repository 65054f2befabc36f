"""The storage under test, on the real servers."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import settings
from redis import Redis as Client

from app.config import RedisSettings, postgres_from_env
from app.storage.connections import BoundedConnection
from app.storage.database import Database
from app.storage.links import LinkTable
from app.storage.redis import Redis
from app.storage.users import UserTable
from tests.harness.servers import Database as MadeDatabase
from tests.harness.servers import Valkey

MakeOwner = Callable[..., uuid.UUID]

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


def kept(client: Client) -> set[bytes]:
    """Return the keys, without those by which an application that just ended told of changes."""
    feed = (b"shortener:feed", b"shortener:changes:")
    return {key for key in client.scan_iter() if not key.startswith(feed)}


def open_store(database: MadeDatabase, environment: Mapping[str, str] | None = None) -> Database:
    """Open a pool on a database, as another user with an environment of one's own."""
    settings = postgres_from_env({"ENV": "local", **(environment or database.environment)})
    store = Database(settings, concurrent=4)
    store.open()
    return store


@pytest.fixture(scope="module")
def store(module_database: MadeDatabase) -> Iterator[Database]:
    """Open the pool that the tests of one file share."""
    store = open_store(module_database)
    yield store
    store.close()


@pytest.fixture
def tables(module_database: MadeDatabase) -> MadeDatabase:
    """Empty the database of the file for one test."""
    with module_database.connect() as connection:
        connection.execute("TRUNCATE urls, users")
    return module_database


@pytest.fixture
def links(store: Database, tables: MadeDatabase) -> LinkTable:
    """Make the table of links, which is empty."""
    return LinkTable(store)


@pytest.fixture
def users(store: Database, tables: MadeDatabase) -> UserTable:
    """Make the table of users, which is empty."""
    return UserTable(store)


@pytest.fixture
def owner(tables: MadeDatabase) -> MakeOwner:
    """Add users: owner(deleted=True) is one who left."""

    def add(*, deleted: bool = False) -> uuid.UUID:
        with tables.connect() as connection:
            row = connection.execute(
                "INSERT INTO users (email, password_hash, deleted_at)"
                " VALUES (%s, 'x', CASE WHEN %s THEN now() END) RETURNING id",
                (f"{uuid.uuid4()}@e.com", deleted),
            ).fetchone()
        assert row is not None
        found: uuid.UUID = row[0]
        return found

    return add


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    """Connect to an empty Valkey."""
    redis = Redis(RedisSettings("127.0.0.1", valkey.port, password=None, tls=False))
    yield redis
    redis.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every statement that goes to PostgreSQL."""
    sent: list[str] = []
    rows = BoundedConnection.rows

    def note(self: BoundedConnection, text: str, values: Any, **more: Any) -> Any:
        sent.append(text)
        return rows(self, text, values, **more)

    monkeypatch.setattr(BoundedConnection, "rows", note)
    return sent
