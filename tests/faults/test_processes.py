"""Workers killed, stuck, out of files, under a stepping clock: the service goes on."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from tests.conftest import StartService
from tests.faults.clients import IdleClients
from tests.faults.load import Load, mistaken
from tests.harness.room import MACHINE
from tests.harness.servers import Database, Valkey
from tests.harness.sinks import eventually
from tests.harness.sinks_loki import COMPLETED, Entry, LokiSink

CLIENTS = 4
NO_DATABASE = {"POSTGRES_HOST": "none.invalid"}
COMPILER = shutil.which("cc")
STEPPING_CLOCK = Path(__file__).with_name("stepping_clock.c")
STEPS = (3600, -3600, 0)
"""Seconds by which the clock is wrong, one after the other."""


@pytest.fixture(scope="module")
def stores(module_database: Database, module_valkey: Valkey) -> dict[str, str]:
    return {**module_database.environment, **module_valkey.environment(), "WEB_CONCURRENCY": "2"}


def test_a_killed_worker_costs_no_more_than_what_it_was_answering(
    start_service: StartService, stores: dict[str, str]
) -> None:
    # For each client a turn and a connection, also while one worker serves them all.
    service = start_service(stores | {"GUNICORN_THREADS": "8", "POSTGRES_POOL_MIN": str(CLIENTS)})
    with Load(service.url, CLIENTS) as load:
        load.await_good(50)
        victim, survivor = service.workers
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(set(service.workers) - {victim}) == 2)
        load.await_good(100)
        load.stop()
        assert mistaken(service.url, load.told) == []

    cut = [one for one in load.bad() if one.status is None]
    assert len(cut) <= CLIENTS
    # A busy machine may keep a new worker from a connection for longer than a request waits.
    assert {one.status for one in load.bad()} <= {None, 503}
    assert survivor in service.workers
    service.await_record(
        lambda record: f"pid:{victim}" in record["msg"] and record["level"] != "info"
    )


def test_a_stuck_worker_is_replaced_while_the_other_serves(
    start_service: StartService, stores: dict[str, str]
) -> None:
    """Frozen, so that it answers to no signal; 30 s of patience are cut for the test.

    Not to less than a worker needs to start on a busy machine: it would be replaced in its turn.
    """
    patience = int(MACHINE)
    service = start_service(stores, arguments=("--timeout", str(patience)))
    with Load(service.url, CLIENTS, timeout=2 * patience + MACHINE) as load:
        load.await_good(50)
        stuck = service.workers[0]
        os.kill(stuck, signal.SIGSTOP)
        # A client of the other worker, or a new one, is answered all the while.
        with Load(service.url, 2) as others:
            others.await_good(20)
            assert max(one.seconds for one in others.exchanges) < 2 + MACHINE
            assert psutil.pid_exists(stuck)
        eventually(lambda: len(set(service.workers) - {stuck}) == 2, 2 * patience + 2 * MACHINE)
        load.await_good(100)
        load.stop()
        assert mistaken(service.url, load.told) == []

    assert len(load.bad()) <= CLIENTS
    service.await_record(lambda record: record["msg"] == f"WORKER TIMEOUT (pid:{stuck})")


def test_a_worker_that_hangs_while_it_starts_is_replaced(
    start_service: StartService, tmp_path: Path
) -> None:
    mark = tmp_path / "started"
    variables = {**NO_DATABASE, "WEB_CONCURRENCY": "1", "STARTED": str(mark)}
    arguments = ("--timeout", "2")

    service = start_service(
        variables, app="tests.faults.hanging_start:app", arguments=arguments, ready="/"
    )

    hung = int(mark.read_text())
    assert service.workers != [hung]
    service.await_record(lambda record: record["msg"] == f"WORKER TIMEOUT (pid:{hung})")


def test_out_of_file_descriptors_it_answers_and_recovers(
    start_service: StartService, stores: dict[str, str]
) -> None:
    service = start_service(stores)
    workers = service.workers
    # One that is still starting would not find the files for that.
    eventually(lambda: all(map(_serves, workers)))
    with Load(service.url, CLIENTS) as load:
        load.await_good(100)
        for pid in workers:
            _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            limit = psutil.Process(pid).num_fds() + 4
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))
        short_of = time.monotonic()
        with IdleClients(service.port, 60):
            load.await_good(200)
            service.await_record(lambda record: "EMFILE" in record["msg"])
        for pid in workers:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
        again = time.monotonic()
        load.await_good(100)
        load.stop()
        assert mistaken(service.url, load.told) == []

    # Idle connections make room, at worst one on which a client was about to ask; a new connection
    # to PostgreSQL may not have found any.
    assert {one.word for one in load.bad() if one.status is not None} <= {"DB_ERROR"}
    assert load.bad(again + 5) == []
    assert len(load.bad(short_of)) < len(load.since(short_of)) / 10
    assert service.workers == workers


def _serves(worker: int) -> bool:
    """Tell whether a worker has begun its main loop."""
    for file in Path(f"/proc/{worker}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if str(file.readlink()) == "anon_inode:[eventpoll]":
                return True
    return False


@pytest.fixture
def loki() -> Iterator[LokiSink]:
    with LokiSink() as sink:
        yield sink
    assert sink.errors == []


@pytest.mark.skipif(COMPILER is None, reason="no C compiler: the clock is a preloaded library")
def test_the_clock_steps_by_an_hour_and_back(
    start_service: StartService, stores: dict[str, str], loki: LokiSink, tmp_path: Path
) -> None:
    library, clock = tmp_path / "clock.so", tmp_path / "clock"
    command = [str(COMPILER), "-shared", "-fPIC", "-o", str(library), str(STEPPING_CLOCK), "-ldl"]
    subprocess.run(command, check=True)
    clock.write_bytes(bytes(8))
    faked = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(clock)}
    service = start_service({**stores, **faked, "LOKI_ENDPOINT": loki.push_url})
    workers = service.workers
    account = {"email": f"{clock.stat().st_ino}@example.com", "password": "correct horse"}
    token = service.client.post(f"{service.url}/api/signup", json=account).json()["token"]
    with Load(service.url, 2, pause=0.005) as load:
        load.await_good(50)
        for step in STEPS:
            with clock.open("r+b") as file:
                file.write(struct.pack("=q", step))
            seen = len(service.records)
            load.await_good(60)
            service.await_record(lambda record: "latency_ms" in record)
            latencies = [r["latency_ms"] for r in service.records[seen:] if "latency_ms" in r]
            assert 0 <= min(latencies) <= max(latencies) < 10_000, step
        load.stop()
        assert mistaken(service.url, load.told) == []
        bearer = {"Authorization": f"Bearer {token}"}
        mine = service.client.get(f"{service.url}/api/user/urls", headers=bearer)
    hours = {record["ts"][:13] for record in service.records if record["msg"] == COMPLETED}
    assert len(hours) >= 3, "the clock did not step: nothing was shown"
    assert load.bad() == []
    assert mine.status_code == 200
    assert service.workers == workers
    service.stop()
    # Loki refuses what is ten minutes ahead; what is out of order it takes.
    off = [entry for entry in loki.entries if abs(entry.timestamp / 1e9 - written(entry)) > 5]
    assert len(off) <= len(STEPS) * 4, "more than the lines that a step came in the middle of"
    by_stream: dict[object, list[int]] = {}
    for entry in loki.entries:
        by_stream.setdefault(entry.labels, []).append(entry.timestamp)
    assert all(len(times) == len(set(times)) for times in by_stream.values())


def written(entry: Entry) -> float:
    """Return when a line says that it was written, in seconds since the epoch."""
    return datetime.fromisoformat(entry.record["ts"]).timestamp()
