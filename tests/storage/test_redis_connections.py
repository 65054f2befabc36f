"""Connections to Redis stay with their threads and outlive none of them."""

import gc
import threading
from collections.abc import Callable

import pytest

from app.config import RedisSettings
from app.storage.redis import Redis, RedisAway
from tests.harness.servers import Valkey


def in_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def own_id(redis: Redis) -> int:
    """Return what the server calls this thread's connection."""
    return int(redis.ask(lambda client: client.client_id()))


def test_a_thread_keeps_its_connection(redis: Redis) -> None:
    assert own_id(redis) == own_id(redis)


def test_another_thread_has_another(redis: Redis) -> None:
    mine = own_id(redis)
    theirs: list[int] = []

    in_a_thread(lambda: theirs.append(own_id(redis)))

    assert theirs != [mine]


def test_the_next_thread_takes_over_from_one_that_ended(redis: Redis) -> None:
    ids: list[int] = []
    for _ in range(20):
        in_a_thread(lambda: ids.append(own_id(redis)))
        gc.collect()

    assert len(set(ids)) == 1


def test_a_connection_that_the_server_closed_is_opened_anew(redis: Redis, valkey: Valkey) -> None:
    before = own_id(redis)
    with valkey.connect() as client:
        client.client_kill_filter(_id=str(before))

    assert own_id(redis) != before
    assert not redis.breaker.is_open


def test_all_threads_connect_anew_when_told(redis: Redis) -> None:
    before = own_id(redis)
    redis._connections.renew()

    after = own_id(redis)

    assert after != before
    assert own_id(redis) == after


def later(redis: Redis, *command: str) -> None:
    redis.ask(lambda client: client.execute_command(*command, later=True))  # type: ignore[no-untyped-call]


def test_what_is_not_waited_for_is_done_and_answers_stay_in_order(redis: Redis) -> None:
    for number in range(5):
        later(redis, "SET", f"key-{number}", str(number))

    found = redis.ask(lambda client: [client.get(f"key-{number}") for number in range(5)])

    assert found == ["0", "1", "2", "3", "4"]


def test_a_refusal_that_nobody_waited_for_is_told_and_harms_nothing(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    later(redis, "SET", "key", "value", "EX", "never")

    assert redis.ask(lambda client: client.get("key")) is None
    assert [record.message for record in caplog.records] == [
        "Redis refused a command: an answer of the kind ResponseError"
    ]


def test_what_was_owed_is_forgotten_with_its_connection(redis: Redis, valkey: Valkey) -> None:
    before = own_id(redis)
    later(redis, "SET", "key", "value")
    with valkey.connect() as client:
        client.client_kill_filter(_id=str(before))

    assert redis.ask(lambda client: client.get("key")) == "value"
    assert own_id(redis) != before


def test_a_server_that_hangs_costs_the_next_command_one_timeout(
    own_valkey: Valkey,
) -> None:
    redis = Redis(RedisSettings("127.0.0.1", own_valkey.port, password=None, tls=False))
    own_id(redis)
    own_valkey.freeze()

    later(redis, "SET", "key", "value")
    assert not redis.breaker.is_open
    with pytest.raises(RedisAway):
        redis.ask(lambda client: client.get("key"))

    assert redis.breaker.is_open
    own_valkey.thaw()
    redis.close()


def test_a_refusal_is_told_though_no_command_is_waited_for(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    later(redis, "SET", "key", "value", "EX", "never")
    later(redis, "SET", "key", "value")

    assert len(caplog.records) == 1
