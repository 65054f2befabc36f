"""Visits counted are visits answered, to the unit, whatever ends or breaks meanwhile."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.conftest import StartService
from tests.faults.load import CREATE, REDIRECT, RESOLVE, Load
from tests.harness.proxy import Proxy
from tests.harness.room import MACHINE
from tests.harness.servers import Database, Databases, PostgreSQL, Valkey
from tests.harness.service import Service
from tests.harness.sinks import eventually

pytestmark = pytest.mark.timeout(150)
LOST = "Visits were lost: they could not be written"


def answered(load: Load) -> int:
    """Return how many visits were answered."""
    return sum(one.good for one in load.exchanges if one.kind != CREATE)


def counted(database: Database) -> int:
    """Return how many visits are written, whoever came."""
    with database.connect() as connection:
        row = connection.execute("SELECT sum(visits + bots) FROM visit_slots").fetchone()
        totals = connection.execute("SELECT sum(visits + bots) FROM link_counts").fetchone()
    assert row is not None
    assert row == totals
    return int(row[0] or 0)


@pytest.mark.parametrize(
    ("workers", "number"),
    [
        (1, signal.SIGTERM),
        (2, signal.SIGTERM),
        (4, signal.SIGTERM),
        (2, signal.SIGINT),
        (1, signal.SIGQUIT),
    ],
)
def test_a_stop_under_load(
    start_service: StartService, database: Database, valkey: Valkey, workers: int, number: int
) -> None:
    environment = {**database.environment, **valkey.environment()}
    service = start_service({**environment, "WEB_CONCURRENCY": str(workers)})
    with Load(service.url) as load:
        load.await_good(300)
        service.stop(number)

    assert counted(database) == answered(load) > 200


def test_workers_that_are_recycled(
    start_service: StartService, database: Database, valkey: Valkey
) -> None:
    service = start_service(
        {**database.environment, **valkey.environment(), "WEB_CONCURRENCY": "2"},
        arguments=("--max-requests", "500"),
    )
    first = set(service.workers)
    with Load(service.url) as load:
        eventually(lambda: len(service.workers) == 2 and not first & set(service.workers), 60)
        load.await_good(100)
        load.stop()
        service.stop()

    assert counted(database) == answered(load) > 600


def test_a_reload_and_a_worker_that_the_master_gives_up(
    start_service: StartService, database: Database, valkey: Valkey
) -> None:
    service = start_service(
        {**database.environment, **valkey.environment(), "WEB_CONCURRENCY": "2"}
    )
    with Load(service.url) as load:
        for number in (signal.SIGHUP, signal.SIGABRT):
            load.await_good(100)
            before = set(service.workers)
            # SIGABRT is what the master sends to a worker whose heartbeat stopped.
            os.kill(service.process.pid if number == signal.SIGHUP else min(before), number)
            # Both of a reload, so that none is given up that would have ended anyway.
            others = 2 if number == signal.SIGHUP else 1
            eventually(partial(_has_others, service, before, others), 60)
        load.await_good(100)
        load.stop()
        service.stop()

    # SIGABRT drains nothing: what a client was not answered any more may have been counted, and
    # what could not be written in the second that the master leaves is said to be lost.
    cut = sum(one.status is None for one in load.exchanges)
    lost = sum(record["visits"] for record in service.records if record["msg"] == LOST)
    assert answered(load) <= counted(database) + lost <= answered(load) + cut


def _has_others(service: Service, before: set[int], others: int) -> bool:
    workers = set(service.workers)
    return len(workers) == 2 and len(workers - before) == others


def _restart(database: Database, _valkey: Valkey) -> None:
    database.server.stop()
    database.server.start()


def _redis_away(_database: Database, valkey: Valkey) -> None:
    valkey.stop()


def _redis_frozen(_database: Database, valkey: Valkey) -> None:
    valkey.freeze()


@pytest.mark.parametrize("fault", [_restart, _redis_away, _redis_frozen])
def test_a_store_that_breaks_under_load(
    start_service: StartService,
    own_database: Database,
    own_valkey: Valkey,
    fault: Callable[[Database, Valkey], None],
) -> None:
    service = start_service(
        {**own_database.environment, **own_valkey.environment(), "WEB_CONCURRENCY": "2"}
    )
    with Load(service.url) as load:
        load.await_good(200)
        fault(own_database, own_valkey)
        load.await_good(200)
        load.await_good(20, CREATE)
        load.stop()
        service.stop()

    assert counted(own_database) == answered(load) > 200


def test_postgresql_killed_under_load(
    start_service: StartService, tmp_path: Path, valkey: Valkey
) -> None:
    # As durable as in production: what it has said to be written is written.
    with PostgreSQL(tmp_path / "postgresql") as server:
        database = Databases(server).create_migrated()
        service = start_service({**database.environment, **valkey.environment()})
        with Load(service.url) as load:
            load.await_good(200)
            server.kill()
            server.start()
            load.await_good(200)
            load.await_good(20, CREATE)
            load.stop()
            service.stop()

        assert counted(database) == answered(load) > 200


def test_postgresql_frozen_for_a_while_and_the_visits_of_then(
    start_service: StartService, own_database: Database, own_valkey: Valkey
) -> None:
    service = start_service(
        {**own_database.environment, **own_valkey.environment(), "WEB_CONCURRENCY": "2"}
    )
    with Load(service.url) as load:
        load.await_good(200)
        own_database.server.freeze()
        load.await_good(100, RESOLVE)
        load.await_good(100, REDIRECT)
        # Said while it lasts, with how many wait.
        service.await_record(lambda record: record["msg"].startswith("Visits wait"), 20 + MACHINE)
        own_database.server.thaw()
        load.await_good(20, CREATE)
        load.stop()
        service.stop()

    assert counted(own_database) == answered(load)


def test_commits_whose_answers_are_cut_off(
    start_service: StartService, database: Database, valkey: Valkey
) -> None:
    with Proxy(database.server.port) as proxy:
        service = start_service({**proxy.environment(database.environment), **valkey.environment()})
        with Load(service.url, 2) as load:
            load.await_good(50)
            for _ in range(6):
                load.await_good(60)
                # The server does what it is told, and the connection is reset at its answer.
                proxy.reset_after(0)
                load.await_good(20, RESOLVE)
                proxy.restore()
            load.await_good(10, CREATE)
            load.stop()
        service.stop()

    assert counted(database) == answered(load) > 200


def test_kill_9_loses_no_more_than_was_said_to_wait(
    start_service: StartService, database: Database, valkey: Valkey
) -> None:
    service = start_service({**database.environment, **valkey.environment(), "ENV": "local"})
    with Load(service.url, 2) as load:
        load.await_good(100)
        load.stop()
    said = waiting(service)
    os.kill(service.workers[0], signal.SIGKILL)
    service.stop()

    lost = answered(load) - counted(database)
    assert 0 <= lost <= said


def waiting(service: Service) -> int:
    """Return how many visits a worker says that it has not written."""
    page = requests.get(f"{service.url}/metrics", timeout=10).text
    match = re.search(r"^shortener_visits_waiting\S*(?:\{[^}]*\})? ([0-9.]+)$", page, re.M)
    assert match is not None, page
    return int(float(match[1]))
