"""Two caches: what they remember and for how long; Redis may be missing or full of rubbish."""

import pytest

from app.config import RedisSettings
from app.model.links import NoLink, PlainLink
from app.storage import cache as caches
from app.storage.cache import PROCESS_BYTES, LinkCache
from app.storage.redis import Redis
from local.ports import free_port
from tests.harness.servers import Valkey
from tests.storage.conftest import kept


def test_a_target_is_remembered_in_the_process_without_redis() -> None:
    cache = LinkCache(None)
    cache.put("aaaaaa", PlainLink("https://e.com"))

    assert cache.get("aaaaaa") == PlainLink("https://e.com")


def test_what_was_never_put_is_not_known(redis: Redis) -> None:
    assert LinkCache(redis).get("aaaaaa") is None


def test_another_worker_finds_it_in_redis(redis: Redis) -> None:
    LinkCache(redis).put("aaaaaa", PlainLink("https://e.com/ж"))

    assert LinkCache(redis).get("aaaaaa") == PlainLink("https://e.com/ж")


def test_what_redis_told_is_kept_in_the_process(redis: Redis, valkey: Valkey) -> None:
    LinkCache(redis).put("aaaaaa", PlainLink("https://e.com"))
    cache = LinkCache(redis)
    cache.get("aaaaaa")
    with valkey.connect() as client:
        client.flushall()

    assert cache.get("aaaaaa") == PlainLink("https://e.com")


def test_a_code_without_a_link_is_remembered_too(redis: Redis) -> None:
    LinkCache(redis).put("aaaaaa", NoLink())

    assert LinkCache(redis).get("aaaaaa") == NoLink()


def test_a_new_link_replaces_what_a_scan_left(redis: Redis) -> None:
    LinkCache(redis).put("aaaaaa", NoLink())
    LinkCache(redis).put("aaaaaa", PlainLink("https://e.com"))

    assert LinkCache(redis).get("aaaaaa") == PlainLink("https://e.com")


def test_keys_have_our_prefix_and_their_time(redis: Redis, valkey: Valkey) -> None:
    cache = LinkCache(redis)
    cache.put("aaaaaa", PlainLink("https://e.com"))
    cache.put("bbbbbb", NoLink())

    with valkey.connect() as client:
        found, unknown = client.ttl("shortener:link:aaaaaa"), client.ttl("shortener:link:bbbbbb")
        assert kept(client) == {b"shortener:link:aaaaaa", b"shortener:link:bbbbbb"}
    assert 24 * 3600 - 60 < found <= 24 * 3600
    assert 0 < unknown <= 60


def test_the_process_forgets_after_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    cache = LinkCache(None)
    monkeypatch.setattr(
        cache,
        "_process",
        type(cache._process)(1000, caches.PROCESS_SECONDS, lambda: now[0], lambda _cached: 1),
    )
    cache.put("aaaaaa", PlainLink("https://e.com"))
    now[0] = caches.PROCESS_SECONDS + 0.01

    assert caches.PROCESS_SECONDS <= 60
    assert cache.get("aaaaaa") is None


def test_the_process_own_cache_is_bounded_in_bytes() -> None:
    cache = LinkCache(None)
    for number in range(2_000):
        cache.put(f"{number:06}", PlainLink("https://e.com/" + "x" * 8_000))

    assert cache._process.currsize <= PROCESS_BYTES
    assert len(cache._process) < 2_000
    assert cache.get("001999") is not None


def test_what_is_larger_than_the_cache_is_not_kept_and_pushes_nothing_out() -> None:
    cache = LinkCache(None)
    cache.put("aaaaaa", PlainLink("https://e.com"))

    cache.put("bbbbbb", PlainLink("https://e.com/" + "x" * PROCESS_BYTES))

    assert cache.get("bbbbbb") is None
    assert cache.get("aaaaaa") is not None


@pytest.mark.parametrize(
    "rubbish", [b"", b"https://e.com", b"*", b"\xff\xfe", b"+\xff", b"-x", b"\x00"]
)
def test_what_is_not_ours_in_redis_is_not_believed(
    redis: Redis, valkey: Valkey, rubbish: bytes
) -> None:
    with valkey.connect() as client:
        client.set("shortener:link:aaaaaa", rubbish)

    assert LinkCache(redis).get("aaaaaa") is None


def test_rubbish_breaks_no_later_look_up(redis: Redis, valkey: Valkey) -> None:
    cache = LinkCache(redis)
    with valkey.connect() as client:
        client.set("shortener:link:aaaaaa", b"+\xff")
        client.lpush("shortener:link:bbbbbb", "not a string")
        client.set("shortener:link:cccccc", "+https://e.com")

    found = [cache.get(code) for code in ("aaaaaa", "bbbbbb", "cccccc")]

    assert found == [None, None, PlainLink("https://e.com")]
    assert not redis.breaker.is_open


def test_with_redis_away_the_process_goes_on() -> None:
    redis = Redis(RedisSettings("127.0.0.1", free_port(), password=None, tls=False))
    cache = LinkCache(redis)
    cache.put("aaaaaa", PlainLink("https://e.com"))

    assert cache.get("aaaaaa") == PlainLink("https://e.com")
    assert cache.get("bbbbbb") is None
    assert redis.breaker.is_open
    redis.close()
