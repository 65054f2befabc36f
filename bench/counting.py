"""What counting asks of PostgreSQL: one link, 50,000 visits a minute, eight workers."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import psycopg

from bench.links import code, fill
from bench.peers import Peers
from bench.service import Service
from bench.stores import Stores
from bench.table import Row, judged
from local.ports import LOOPBACK

A_MINUTE = 50_000
WORKERS = 8
SECONDS = 60.0
_DATABASE = "counting"
_SETTLE = 3.0
"""Seconds in which all that was counted is written."""
_CLIENTS = 8
_BUDGET = 0.02
"""Of one core of PostgreSQL's."""
_LOOK = 0.01
_WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
"""
_HEADERS = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"}


def measure(stores: Stores) -> list[Row]:
    """Let PostgreSQL rest for a while and be written to for as long; compare."""
    stores.create_database(_DATABASE)
    with stores.postgresql.connect(_DATABASE) as connection:
        fill(connection, 100, owners=1)
    with ExitStack() as stack:
        settings = stores.environment(_DATABASE) | stack.enter_context(Peers()).environment
        services = [stack.enter_context(Service(settings, workers=WORKERS // 2)) for _ in range(2)]
        time.sleep(_SETTLE)
        connection = stack.enter_context(contextlib.closing(stores.postgresql.connect(_DATABASE)))
        # It looks while nothing is counted, too: its own cost is no cost of counting.
        waits = stack.enter_context(_watching(connection))
        idle = _used(stores, SECONDS / 2) / (SECONDS / 2)
        before = _cpu(stores)
        sent = _visit(services)
        time.sleep(_SETTLE)
        busy = (_cpu(stores) - before) / (SECONDS + _SETTLE)
        row = connection.execute(
            "SELECT coalesce(sum(visits + bots), 0) FROM link_counts"
        ).fetchone()
    assert row is not None
    share = busy - idle
    rate = f"{sent / SECONDS * 60:,.0f} a minute"
    return [
        judged(
            "One link, 50,000 visits a minute, eight workers: PostgreSQL's core",
            f"{share * 100:.1f} % at {rate}; at rest {idle * 100:.1f} %",
            share,
            _BUDGET,
            shown="≤ 2 %",
        ),
        judged(
            "… sessions seen waiting for a lock",
            f"{sum(waits)} of {len(waits)} looks",
            sum(waits),
            0,
            shown="0",
        ),
        judged(
            "… visits that are not in the table",
            f"{sent - row[0]} of {sent:,}",
            abs(sent - row[0]),
            0,
            shown="0",
        ),
    ]


def _cpu(stores: Stores) -> float:
    """Return the seconds of CPU of PostgreSQL's processes, those that ended included."""
    pidfile = stores.postgresql.folder / "data" / "postmaster.pid"
    root = psutil.Process(int(pidfile.read_text().split()[0]))
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            taken = process.cpu_times()
            total += taken.user + taken.system
    ended = root.cpu_times()
    return total + ended.children_user + ended.children_system


def _used(stores: Stores, seconds: float) -> float:
    before = _cpu(stores)
    time.sleep(seconds)
    return _cpu(stores) - before


@contextlib.contextmanager
def _watching(connection: psycopg.Connection) -> Iterator[list[int]]:
    """Look every ten milliseconds for sessions that wait for a lock of another."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK):
            row = connection.execute(_WAITING).fetchone()
            seen.append(row[0] if row else 0)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _visit(services: list[Service]) -> int:
    """Follow one link at the rate that is wanted; return how many visits were answered."""
    answered = [0] * _CLIENTS
    pause = 60 / A_MINUTE * _CLIENTS
    began = time.monotonic()

    def follow(place: int) -> None:
        port = services[place % len(services)].port
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
        due = began + pause * place / _CLIENTS
        while due < began + SECONDS:
            time.sleep(max(0.0, due - time.monotonic()))
            connection.request("GET", f"/{code(1)}", headers=_HEADERS)
            answer = connection.getresponse()
            answer.read()
            answered[place] += answer.status in {301, 302, 307, 308}
            due += pause

    threads = [threading.Thread(target=follow, args=(place,)) for place in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answered)
