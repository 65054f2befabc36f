"""Mixed load for a while, with workers recycled all along: nothing grows, nothing fails.

SOAK_SECONDS sets how long: 10 in `make test`, 60 in CI, 600 with `make soak`. Memory's slope and
the latencies at both ends need minutes: they are asserted from LONG seconds on.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import pytest

from tests.conftest import StartService
from tests.faults.load import Load, mistaken
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

SECONDS = int(os.environ.get("SOAK_SECONDS", "10"))
LONG = 300
WORKERS, POOL = 2, 4
SAMPLE_S = 0.5
# About half of the time at 140 requests a second and worker: memory's slope needs long lives.
RECYCLED_AFTER = 75 * SECONDS if SECONDS >= LONG else 250
MEBI = 1024 * 1024
STEEPEST = 0.5
"""MiB a minute of a worker's life, its beginning left out: caches fill, and arenas settle."""
WARM_UP = SECONDS / 6 if SECONDS >= LONG else 2
MOST_MEMORY = 160 * MEBI

_OURS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'shortener' AND datname = current_database()"
)
Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.timeout(2 * SECONDS + 120)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one worker."""

    time: float
    pid: int
    memory: int
    descriptors: int
    threads: int


def test_soak(
    start_service: StartService, database: Database, valkey: Valkey, capsys: Capture
) -> None:
    arguments = (
        "--max-requests",
        str(RECYCLED_AFTER),
        "--max-requests-jitter",
        str(RECYCLED_AFTER // 5),
    )
    stores = {**database.environment, **valkey.environment()}
    settings = {"WEB_CONCURRENCY": str(WORKERS), "POSTGRES_POOL_MAX": str(POOL)}
    service = start_service({**stores, **settings}, arguments=arguments, fresh=True)
    samples: list[Sample] = []
    connections: list[int] = []
    begun = time.monotonic()
    with Load(service.url, 4, reads=9, pause=0.005) as load, database.connect() as connection:
        while time.monotonic() < begun + SECONDS:
            samples += _look_at(service)
            row = connection.execute(_OURS).fetchone()
            connections.append(row[0] if row else 0)
            # The pace of the samples, not a wait for something.
            time.sleep(SAMPLE_S)
        load.stop()
    slopes = _slopes(samples)
    slope = statistics.median(slopes) if slopes else 0.0
    first, last = _p99(load, begun, 0), _p99(load, begun, SECONDS - 60)
    with capsys.disabled():
        sys.stdout.write(
            f"\nsoak: {len(load.exchanges)} requests in {SECONDS} s, "
            f"{len({one.pid for one in samples})} workers, "
            f"memory at most {max(one.memory for one in samples) / MEBI:.0f} MiB, "
            f"slopes {', '.join(f'{one:+.2f}' for one in slopes)} MiB/min, "
            f"p99 {first * 1000:.0f} ms then {last * 1000:.0f} ms\n"
        )

    assert load.bad() == []
    assert len({one.pid for one in samples}) > WORKERS, "no worker was recycled"
    assert max(connections) <= WORKERS * POOL
    assert max(one.memory for one in samples) < MOST_MEMORY
    for look in (lambda one: one.descriptors, lambda one: one.threads):
        early, late = _extremes(samples, begun, look)
        assert late <= early
    assert mistaken(service.url, load.told) == []
    if SECONDS >= LONG:
        assert slope < STEEPEST
        assert last <= first * 1.2


def _look_at(service: Service) -> list[Sample]:
    seen = []
    for pid in service.workers:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            worker = psutil.Process(pid)
            with worker.oneshot():
                memory, threads = worker.memory_info().rss, worker.num_threads()
            seen.append(Sample(time.monotonic(), pid, memory, worker.num_fds(), threads))
    return seen


def _extremes(
    samples: list[Sample], begun: float, look: Callable[[Sample], int]
) -> tuple[int, int]:
    """Return the most that was seen in the first half, and in the second."""
    middle = begun + SECONDS / 2
    early = max(look(one) for one in samples if one.time < middle)
    # Clients are the same throughout; one of them may just be changing its worker.
    return early + 2, max(look(one) for one in samples if one.time >= middle)


def _slopes(samples: list[Sample]) -> list[float]:
    """Return each worker's growth in MiB a minute, its beginning left out."""
    lives: dict[int, list[Sample]] = defaultdict(list)
    for one in samples:
        lives[one.pid].append(one)
    slopes = []
    for life in lives.values():
        settled = [one for one in life if one.time >= life[0].time + WARM_UP]
        if len(settled) * SAMPLE_S >= WARM_UP / 2:
            times = [one.time / 60 for one in settled]
            fit = statistics.linear_regression(times, [one.memory / MEBI for one in settled])
            slopes.append(fit.slope)
    return slopes


def _p99(load: Load, begun: float, since: float) -> float:
    """Return the 99th percentile of a minute in seconds."""
    start = begun + max(0.0, since)
    times = [one.seconds for one in load.exchanges if start <= one.begun < start + 60]
    return statistics.quantiles(times, n=100)[98]
