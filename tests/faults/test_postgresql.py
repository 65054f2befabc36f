"""PostgreSQL out of connections, and its table locked: links in a cache resolve all the while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psycopg
import pytest
import requests

from tests.faults.load import CREATE, REDIRECT, RESOLVE, Load, mistaken
from tests.harness.room import MACHINE, usual
from tests.harness.servers import Database
from tests.harness.service import Service
from tests.harness.sinks import eventually

pytestmark = pytest.mark.timeout(120)

LOCKED = 10.0
END_OURS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shortener'"
)


@contextmanager
def all_connections_taken(database: Database) -> Iterator[None]:
    """Take every connection of the server, those of the service too, for as long as it lasts."""
    with ExitStack() as stack:
        first = stack.enter_context(database.connect())
        (most,) = first.execute("SHOW max_connections").fetchone() or ("0",)
        left = int(most) - 1

        def full() -> bool:
            nonlocal left
            first.execute(END_OURS)
            with suppress(psycopg.OperationalError):
                while left:
                    stack.enter_context(database.connect())
                    left -= 1
            return left == 0

        eventually(full, 45)
        yield


def test_out_of_connections(service: Service, breakable_database: Database) -> None:
    with Load(service.url) as load:
        load.await_good(100)
        with all_connections_taken(breakable_database):
            taken = time.monotonic()
            load.await_bad(20, CREATE)
            load.await_good(50)
            health = requests.get(f"{service.url}/api/health", timeout=2)
            service.await_record(lambda r: "the server has no connection left" in r["msg"])
        freed = time.monotonic()
        load.await_good(20, CREATE)
        load.stop()
        assert mistaken(service.url, load.told) == []

    assert (health.status_code, health.json()["postgres"]) == (503, False)
    assert {(one.status, one.word) for one in load.bad()} == {(503, "DB_ERROR")}
    assert load.bad(taken, RESOLVE, REDIRECT) == []
    assert usual(one.seconds for one in load.since(taken)) < 3
    assert max(one.seconds for one in load.since(taken)) < 3 + MACHINE
    assert load.bad(freed + 5 + MACHINE) == []


def test_the_table_locked_for_ten_seconds(service: Service, breakable_database: Database) -> None:
    with Load(service.url, 8) as load, breakable_database.connect() as connection:
        load.await_good(200)
        with connection.transaction():
            connection.execute("LOCK TABLE urls IN ACCESS EXCLUSIVE MODE")
            locked = time.monotonic()
            load.await_bad(1, CREATE)
            service.await_record(lambda r: "a lock was not available in time" in r["msg"])
            load.await_good(100)
            eventually(lambda: time.monotonic() > locked + LOCKED, LOCKED + 5)
        free = time.monotonic()
        load.await_good(20, CREATE)
        load.stop()
        assert mistaken(service.url, load.told) == []

    during = [one for one in load.since(locked) if one.ended < free]
    reads = [one for one in during if one.kind != CREATE]
    assert {(one.status, one.word) for one in load.bad()} == {(503, "DB_ERROR")}
    assert [one for one in reads if not one.good] == []
    assert usual(one.seconds for one in reads) < 1.5
    assert max(one.seconds for one in during) < 6.5 + MACHINE  # 5 s at the server
    assert load.bad(free + 1 + MACHINE) == []
