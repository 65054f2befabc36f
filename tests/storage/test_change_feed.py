"""A change reaches every worker, whatever its cache, Redis or PostgreSQL do meanwhile."""

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from app.blocking import Blocklist
from app.config import postgres_from_env
from app.model.links import Known, NoLink, PlainLink
from app.model.managed_links import Terms
from app.storage import change_feed
from app.storage.cache import LinkCache
from app.storage.change_feed import ChangeFeed
from app.storage.connections import BoundedConnection, connect
from app.storage.redis import Redis
from app.storage.redis_feed import RedisFeed
from tests.harness.servers import Database as MadeDatabase
from tests.harness.servers import Valkey

OLD, NEW = PlainLink("https://e.com/old"), "https://e.com/new"
CODE = "aaaaaa"


class Worker:
    """A worker's cache and what it knows of changes."""

    def __init__(self, connection: BoundedConnection, redis: Redis | None) -> None:
        channel = RedisFeed(redis, 100) if redis else None
        self.feed = ChangeFeed(Blocklist(), channel)
        self.cache = LinkCache(redis, self.feed)
        self._connection = connection

    def look(self) -> None:
        self.feed.look(self._connection)

    def get(self, code: str = CODE) -> Known | None:
        return self.cache.get(code)


@pytest.fixture
def connection(tables: MadeDatabase) -> Iterator[BoundedConnection]:
    """Connect as a worker's background does; nothing was changed yet."""
    with tables.connect() as admin:
        admin.execute("TRUNCATE link_changes, blocked_hosts")
        admin.execute("UPDATE link_feed SET generation = 0, forgotten_before = '0'")
        admin.execute("INSERT INTO urls (id, original_url) VALUES (%s, %s)", (CODE, OLD.target))
    settings = postgres_from_env({"ENV": "local", **tables.environment})
    with connect(settings) as connection:
        yield connection


@pytest.fixture
def worker(connection: BoundedConnection, redis: Redis) -> Callable[[], Worker]:
    """Make workers that have just looked."""

    def make() -> Worker:
        made = Worker(connection, redis)
        made.look()
        return made

    return make


def change(connection: psycopg.Connection, target: str = NEW) -> None:
    connection.execute("UPDATE urls SET original_url = $1 WHERE id = $2", (target, CODE))


def test_a_changed_link_leaves_the_cache_of_every_worker_that_looks(
    worker: Callable[[], Worker], connection: BoundedConnection
) -> None:
    one, two = worker(), worker()
    one.cache.put(CODE, OLD)
    assert (one.get(), two.get()) == (OLD, OLD)

    change(connection)
    one.look()
    two.look()

    # Redis still has the old one, which nobody believes any more.
    assert (one.get(), two.get()) == (None, None)


def test_what_commits_late_is_seen(
    worker: Callable[[], Worker], connection: BoundedConnection, tables: MadeDatabase
) -> None:
    one = worker()
    one.cache.put(CODE, OLD)
    with tables.connect() as slow:
        slow.execute("BEGIN")
        slow.execute("UPDATE urls SET original_url = 'https://late.example' WHERE id = %s", (CODE,))
        connection.execute("INSERT INTO urls (id, original_url) VALUES ('bbbbbb', 'https://b.co')")
        connection.execute("UPDATE urls SET original_url = 'https://c.co' WHERE id = 'bbbbbb'")
        one.look()
        assert one.get() == OLD

        slow.execute("COMMIT")

    one.look()
    assert one.get() is None


def test_a_resolve_that_read_the_old_row_leaves_it_nowhere_to_be_believed(
    worker: Callable[[], Worker], connection: BoundedConnection
) -> None:
    one, two = worker(), worker()
    reading = one.cache.reading()
    change(connection)
    two.look()

    one.look()
    one.cache.put(CODE, OLD, reading)

    assert not one.cache.is_current(CODE, OLD, reading)
    assert (one.get(), two.get()) == (None, None)


def test_what_is_written_anew_is_believed(
    worker: Callable[[], Worker], connection: BoundedConnection
) -> None:
    one, two = worker(), worker()
    change(connection)
    one.look()
    two.look()

    one.cache.put(CODE, PlainLink(NEW, one.feed.revision_of(CODE)))

    assert two.get() == PlainLink(NEW, two.feed.revision_of(CODE))
    assert two.feed.revision_of(CODE) > 0


def test_a_worker_that_starts_later_does_not_believe_the_old_entry(
    worker: Callable[[], Worker], connection: BoundedConnection
) -> None:
    worker().cache.put(CODE, OLD)
    change(connection)

    assert worker().get() is None


def test_redis_is_not_believed_by_a_worker_that_knows_nothing_of_changes(
    worker: Callable[[], Worker], connection: BoundedConnection, redis: Redis, valkey: Valkey
) -> None:
    worker().cache.put(CODE, OLD)
    with valkey.connect() as client:
        client.delete("shortener:feed")

    assert Worker(connection, redis).get() is None


def test_without_postgresql_it_hears_from_others_through_redis(
    worker: Callable[[], Worker], connection: BoundedConnection, redis: Redis
) -> None:
    one = worker()
    one.cache.put(CODE, OLD)
    one.cache.put("bbbbbb", OLD)
    change(connection)
    one.look()

    cut_off = Worker(connection, redis)

    assert cut_off.get() is None
    assert cut_off.get("bbbbbb") == OLD


def test_while_postgresql_is_away_for_all_links_that_redis_knows_go_on(
    worker: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = worker(), worker()
    one.cache.put(CODE, OLD)

    monkeypatch.setattr(change_feed, "LONGEST_BELIEF", -1.0)

    assert two.get() == OLD


def test_neither_postgresql_nor_redis_leaves_nothing_to_believe(
    worker: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = worker(), worker()
    one.cache.put(CODE, OLD)

    monkeypatch.setattr(change_feed, "LONGEST_BELIEF", -1.0)
    monkeypatch.setattr(RedisFeed, "read", lambda _self: None)

    assert two.get() is None


def test_what_redis_did_not_take_is_told_later(
    worker: Callable[[], Worker],
    connection: BoundedConnection,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = worker()
    change(connection)
    with monkeypatch.context() as away:
        away.setattr(RedisFeed, "publish", lambda *_: False)
        one.look()

    one.look()

    assert Worker(connection, redis).feed.believes()
    heard = RedisFeed(redis, 100).read()
    assert heard is not None
    assert heard[2] == {CODE: one.feed.revision_of(CODE)}


def test_a_revision_in_redis_never_goes_back(redis: Redis) -> None:
    channel = RedisFeed(redis, 100)
    channel.publish(0, (), {CODE: 7})
    channel.publish(0, (), {CODE: 5})

    heard = RedisFeed(redis, 100).read()

    assert heard is not None
    assert heard[2] == {CODE: 7}


def test_too_many_changes_begin_a_generation_of_which_everybody_learns(
    worker: Callable[[], Worker],
    connection: BoundedConnection,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(change_feed, "MOST_REMEMBERED", 10)
    one, two = worker(), worker()
    one.cache.put(CODE, OLD)
    one.cache.put("bbbbbb", OLD)
    connection.execute(
        "INSERT INTO urls (id, original_url)"
        " SELECT 'many' || n, 'https://e.com/' || n FROM generate_series(1, 30) AS n"
    )
    connection.execute("UPDATE urls SET original_url = original_url || 'x'")

    one.look()
    two.look()

    assert (one.feed.generation, two.feed.generation) == (1, 1)
    assert (one.feed.revision_of(CODE), two.feed.revision_of(CODE)) == (0, 0)
    assert (one.get(), two.get(), one.get("bbbbbb")) == (None, None, None)
    one.cache.put(CODE, OLD)
    assert two.get() == OLD
    change(connection)
    two.look()
    assert two.get() is None


def test_what_was_read_before_a_generation_is_not_kept_in_it(
    worker: Callable[[], Worker], connection: BoundedConnection
) -> None:
    one = worker()
    reading = one.cache.reading()
    change(connection)
    connection.execute(
        "UPDATE link_feed SET generation = 1,"
        " forgotten_before = pg_snapshot_xmin(pg_current_snapshot())"
    )
    one.look()

    one.cache.put(CODE, OLD, reading)

    assert one.get() is None


def test_a_row_that_is_deleted_by_hand_is_a_change_too(
    worker: Callable[[], Worker], connection: BoundedConnection
) -> None:
    one = worker()
    one.cache.put(CODE, OLD)

    connection.execute("DELETE FROM urls WHERE id = $1", (CODE,))
    one.look()

    assert one.get() is None


def test_a_plain_link_to_a_blocked_host_is_plain_no_longer(
    worker: Callable[[], Worker], connection: BoundedConnection
) -> None:
    one = worker()
    one.cache.put(CODE, PlainLink("https://deep.bad.example/x"))
    one.cache.put("bbbbbb", PlainLink("https://notbad.example/"))
    connection.execute("INSERT INTO blocked_hosts (host, reason) VALUES ('bad.example', 'spam')")

    one.look()

    assert one.get() == Terms("https://deep.bad.example/x", 0)
    assert one.get("bbbbbb") == PlainLink("https://notbad.example/")
    connection.execute("DELETE FROM blocked_hosts")
    one.look()
    assert one.get() == PlainLink("https://deep.bad.example/x")


@pytest.mark.parametrize(
    "known",
    [
        PlainLink("https://e.com/a b", 12),
        Terms("https://e.com/ж", 3, max_visits=5, disabled=True),
        NoLink(),
    ],
    ids=lambda known: type(known).__name__,
)
def test_what_is_known_comes_back_from_redis(worker: Callable[[], Worker], known: Known) -> None:
    code = uuid.uuid4().hex
    worker().cache.put(code, known)

    assert worker().get(code) == known


@pytest.mark.parametrize("rubbish", ["~", "~x https://e.com", "~5 ", "*", "*{}", '*{"target":5}'])
def test_rubbish_is_not_believed(
    worker: Callable[[], Worker], valkey: Valkey, rubbish: str
) -> None:
    with valkey.connect() as client:
        client.set(f"shortener:link:{CODE}", rubbish)

    assert worker().get() is None
