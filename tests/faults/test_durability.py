"""Every process killed in turn while links are made: what was acknowledged is there afterwards."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.faults.load import CREATE, Load, mistaken
from tests.harness.servers import Database, Databases, NoAnswer, PostgreSQL, Valkey
from tests.harness.service import Service
from tests.harness.sinks import eventually

pytestmark = pytest.mark.timeout(180)


class Stack:
    """The service and its stores, as durable as in production."""

    def __init__(self, folder: Path) -> None:
        """Start all; PostgreSQL with fsync, Valkey as the cache that it is."""
        self.postgresql = PostgreSQL(folder / "postgresql").start()
        self.database: Database = Databases(self.postgresql).create_migrated()
        self.valkey = Valkey(folder / "valkey").start()
        stores = {**self.database.environment, **self.valkey.environment()}
        self.service = Service({**stores, "WEB_CONCURRENCY": "2"}).start()

    def close(self) -> None:
        """End all, whatever state it is in."""
        self.service.close()
        self.valkey.kill()
        self.postgresql.kill()

    def kill_master(self) -> None:
        """Kill gunicorn's master: its workers end by themselves; ECS would start a new task."""
        workers = self.service.workers
        self.service.process.send(signal.SIGKILL)
        self.service.process.wait(10)
        eventually(lambda: not any(_alive(pid) for pid in workers), 30)
        self.service.start()

    def kill_workers(self) -> None:
        """Kill one worker after the other, each when there are two."""
        for victim in self.service.workers:
            os.kill(victim, signal.SIGKILL)
            eventually(partial(self._has_two_besides, victim), 30)

    def _has_two_besides(self, victim: int) -> bool:
        return len(set(self.service.workers) - {victim}) == 2

    def kill_backend(self) -> None:
        """Kill a server process of one connection: PostgreSQL restarts all of itself."""
        with self.database.connect() as connection:
            row = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'shortener' LIMIT 1"
            ).fetchone()
            assert row is not None
            os.kill(row[0], signal.SIGKILL)
            # Our own connection ends with all others, then it recovers as after a crash.
            eventually(lambda: not _answers(lambda: connection.execute("SELECT 1")), 30)
        eventually(lambda: _answers(self.postgresql.ping), 60)

    def kill_postgresql(self) -> None:
        """Kill all of PostgreSQL at once and start it anew."""
        self.postgresql.kill()
        self.postgresql.start()

    def kill_valkey(self) -> None:
        """Kill Valkey, which then knows nothing any more."""
        self.valkey.kill()
        self.valkey.start()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("durable"))
    yield stack
    stack.close()


KILLS: list[Callable[[Stack], None]] = [
    Stack.kill_master,
    Stack.kill_workers,
    Stack.kill_backend,
    Stack.kill_postgresql,
    Stack.kill_valkey,
]


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.__name__)
def test_acknowledged_links_survive(stack: Stack, kill: Callable[[Stack], None]) -> None:
    with Load(stack.service.url, 8, reads=1) as load:
        load.await_good(50, CREATE)
        kill(stack)
        killed = time.monotonic()
        load.await_good(50, CREATE)
        load.stop()

    assert len(load.told.links) > 100
    assert_only_postgresql_is_asked_and_has_all(stack, load)
    assert load.bad(killed + 5) == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_acknowledged_links_survive_a_storm(stack: Stack) -> None:
    """Each process killed five times, in no order."""
    kills = KILLS * 5
    random.Random(6).shuffle(kills)
    with Load(stack.service.url, 8, reads=1, pause=0.02) as load:
        for kill in kills:
            load.await_good(20, CREATE)
            kill(stack)
        load.await_good(50, CREATE)
        load.stop()

    assert_only_postgresql_is_asked_and_has_all(stack, load)


def assert_only_postgresql_is_asked_and_has_all(stack: Stack, load: Load) -> None:
    """Resolve what was acknowledged with Valkey emptied and the workers new."""
    with stack.valkey.connect() as client:
        client.flushall()
    before = set(stack.service.workers)
    stack.service.process.send(signal.SIGHUP)
    eventually(lambda: stack.service.workers and not before & set(stack.service.workers), 30)
    assert mistaken(stack.service.url, load.told) == []


def _alive(pid: int) -> bool:
    try:
        # A container's first process may not reap what was left to it.
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (psycopg.Error, NoAnswer):
        return False
    return True
