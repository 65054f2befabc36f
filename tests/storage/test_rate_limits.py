"""Rate limits through Redis: shared by all workers, kept in the process while it is away."""

import pytest

from app.config import Rate, RateLimitSettings, RedisSettings
from app.model.errors import RateLimitExceeded
from app.storage.rate_limits import RateLimits
from app.storage.redis import Redis
from local.ports import free_port
from tests.harness.servers import Valkey
from tests.storage.conftest import kept

CLIENT = "203.0.113.7"
THREE = Rate(3, 60)


def limits(redis: Redis | None, general: Rate = THREE) -> RateLimits:
    settings = RateLimitSettings(
        enabled=True, general=general, auth=Rate(2, 3600), resolve=Rate(2, 60)
    )
    return RateLimits(settings, redis)


def test_workers_share_the_count(redis: Redis) -> None:
    first, second = limits(redis), limits(redis)
    first.general(CLIENT)
    second.general(CLIENT)
    first.general(CLIENT)

    for worker in (first, second):
        with pytest.raises(RateLimitExceeded) as caught:
            worker.general(CLIENT)
        assert (caught.value.limit, caught.value.window) == (3, 60)
        assert 1 <= (caught.value.retry_after or 0) <= 60


def test_clients_and_limits_are_counted_apart(redis: Redis) -> None:
    counted = limits(redis)
    for _ in range(3):
        counted.general(CLIENT)

    counted.general("203.0.113.8")
    counted.auth(CLIENT)


def test_addresses_of_one_ipv6_subscriber_are_counted_together(redis: Redis) -> None:
    counted = limits(redis)
    for number in range(3):
        counted.general(f"2001:db8::{number}")

    with pytest.raises(RateLimitExceeded):
        counted.general("2001:db8::ffff")


def test_resolves_are_counted_without_redis(redis: Redis, valkey: Valkey) -> None:
    counted = limits(redis)
    counted.resolve(CLIENT)
    counted.resolve(CLIENT)

    with pytest.raises(RateLimitExceeded):
        counted.resolve(CLIENT)
    with valkey.connect() as client:
        assert kept(client) == set()


def test_keys_have_our_prefix_and_end_with_the_window(redis: Redis, valkey: Valkey) -> None:
    counted = limits(redis)
    counted.general(CLIENT)
    counted.auth(CLIENT)

    with valkey.connect() as client:
        keys = kept(client)
        assert len(keys) == 2
        assert all(key.startswith(b"shortener:limit") for key in keys)
        assert all(0 < int(str(client.ttl(key))) <= 3600 for key in keys)


def test_the_window_ends(redis: Redis, valkey: Valkey) -> None:
    counted = limits(redis, general=Rate(1, 60))
    counted.general(CLIENT)
    with valkey.connect() as client:
        (key,) = kept(client)
        # The test does not wait for a minute: it lets the window end.
        client.pexpire(key, 1)
        while client.exists(key):
            pass

    counted.general(CLIENT)


def test_without_redis_the_process_counts() -> None:
    counted = limits(None)
    for _ in range(3):
        counted.general(CLIENT)

    with pytest.raises(RateLimitExceeded):
        counted.general(CLIENT)


def test_while_redis_is_away_the_process_counts() -> None:
    redis = Redis(RedisSettings("127.0.0.1", free_port(), password=None, tls=False))
    counted = limits(redis)
    for _ in range(3):
        counted.general(CLIENT)

    with pytest.raises(RateLimitExceeded):
        counted.general(CLIENT)
    redis.close()


def test_a_key_of_the_wrong_kind_lets_the_process_count(redis: Redis, valkey: Valkey) -> None:
    counted = limits(redis)
    counted.general(CLIENT)
    with valkey.connect() as client:
        (key,) = kept(client)
        client.delete(key)
        client.lpush(key, "rubbish")

    for _ in range(3):
        counted.general(CLIENT)
    with pytest.raises(RateLimitExceeded):
        counted.general(CLIENT)


def test_after_a_restart_of_redis_the_limit_works_on(own_valkey: Valkey) -> None:
    redis = Redis(RedisSettings("127.0.0.1", own_valkey.port, password=None, tls=False))
    counted = limits(redis)
    counted.general(CLIENT)

    # The script that counts is gone with the old server.
    own_valkey.restart()
    for _ in range(3):
        counted.general(CLIENT)

    with pytest.raises(RateLimitExceeded):
        counted.general(CLIENT)
    redis.close()
