"""Redis restarted empty, out of memory, full of others' keys: only a cache is missing."""

from __future__ import annotations

import re

import pytest
import redis
import requests

from tests.conftest import StartService
from tests.faults.load import Load, mistaken
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.harness.sinks import eventually

OURS = "shortener:*"
OTHERS = 2000


def keys(valkey: Valkey, pattern: str) -> int:
    with valkey.connect() as client:
        return sum(1 for _ in client.scan_iter(pattern, count=1000))


def health_says(service: Service, *, redis: bool) -> bool:
    answer = requests.get(f"{service.url}/api/health", timeout=5)
    return bool(answer.status_code == 200 and answer.json()["redis"] is redis)


def test_restarted_empty(service: Service, breakable_valkey: Valkey) -> None:
    with Load(service.url) as load:
        load.await_good(100)
        breakable_valkey.kill()
        service.await_record(lambda record: "Redis is away" in record["msg"])
        breakable_valkey.start()
        service.await_record(lambda record: "Redis is back" in record["msg"])
        eventually(lambda: health_says(service, redis=True))
        load.await_good(100)
        load.stop()
        assert mistaken(service.url, load.told) == []

    assert load.bad() == []
    assert keys(breakable_valkey, OURS) > 0


def test_out_of_memory(service: Service, breakable_valkey: Valkey) -> None:
    with Load(service.url) as load, breakable_valkey.connect() as client:
        load.await_good(100)
        cached = keys(breakable_valkey, OURS)
        client.config_set("maxmemory", 1)
        load.await_good(100)
        try:
            service.await_record(
                lambda record: "the server is out of memory" in record["msg"], timeout=30
            )
            # Said first, counted then: by whichever thread met it.
            eventually(lambda: REFUSED.search(metrics_of(service)))
        finally:
            client.config_set("maxmemory", 0)
        eventually(lambda: keys(breakable_valkey, OURS) > cached)
        load.stop()
        assert mistaken(service.url, load.told) == []

    assert load.bad() == []


REFUSED = re.compile(r'^shortener_redis_refused_total\{.*"out_of_memory".*\} [1-9]', re.M)


def metrics_of(service: Service) -> str:
    return requests.get(f"{service.url}/metrics", timeout=10).text


def test_full_of_keys_that_are_not_ours(service: Service, breakable_valkey: Valkey) -> None:
    with breakable_valkey.connect() as client:
        client.mset({f"other:{number}": "x" * 500 for number in range(OTHERS)})
        # Nothing can be evicted: every write of ours is refused, theirs stay.
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", client.info("memory")["used_memory"] // 2)
        with pytest.raises(redis.OutOfMemoryError):
            client.set("filler", "x")
    with Load(service.url) as load:
        load.await_good(150)
        load.stop()
        assert mistaken(service.url, load.told) == []

    assert load.bad() == []
    assert keys(breakable_valkey, "other:*") == OTHERS
    with breakable_valkey.connect() as client:
        client.config_set("maxmemory", 0)


def test_out_of_memory_rates_are_still_limited(
    start_service: StartService, database: Database, breakable_valkey: Valkey
) -> None:
    environment = {**database.environment, **breakable_valkey.environment()}
    limits = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT": "3/minute"}
    service = start_service({**environment, **limits})
    with breakable_valkey.connect() as client:
        client.config_set("maxmemory", 1)
        statuses = [
            requests.post(
                f"{service.url}/api/", json={"url": f"https://example.com/{number}"}, timeout=10
            ).status_code
            for number in range(4)
        ]
        client.config_set("maxmemory", 0)

    assert statuses == [201, 201, 201, 429]
