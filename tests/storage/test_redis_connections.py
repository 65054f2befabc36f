"""Connections to Redis stay with their threads and outlive none of them."""

import gc
import threading
from collections.abc import Callable

from app.storage.redis import Redis
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
