"""What the running service shows: start, memory, pushes to Loki."""

from __future__ import annotations

import time

from bench.client import drive, get, post
from bench.links import code, fill
from bench.peers import Peers
from bench.service import Service
from bench.stores import Stores
from bench.subject import SHORTENER, Spec, Subject
from bench.table import Row, at_least, judged

_STARTS = 3
_MIB = 1 << 20
_LINES = 500
_LINE_ROUNDS = 60
_FLUSH_S = 2.5
"""Seconds after which every line is pushed, and an interval of the push's own is over."""


def start(stores: Stores) -> Row:
    """Time from the start of the process to its first answer, the best of some."""
    with Peers() as peers:
        settings = stores.environment() | peers.environment
        taken = []
        for _ in range(_STARTS):
            with Service(settings, workers=2) as service:
                taken.append(service.seconds_to_answer)
    return judged("Start to first answer", f"{min(taken):.2f} s", min(taken), 2.0, shown="≤ 2 s")


def memory(stores: Stores, requests: int = 100_000) -> list[Row]:
    """Let a worker answer many requests of all kinds, and as many again."""
    with Peers() as peers:
        settings = stores.environment("memory") | peers.environment
        stores.create_database("memory")
        with stores.postgresql.connect("memory") as connection:
            fill(connection, 20_000, owners=10)
        with Service(settings, workers=1) as service:
            load = _mix()
            before = drive(service.port, load, count=requests)
            time.sleep(_FLUSH_S)
            first = service.resident()[0] / _MIB
            pushes = peers.pushes()
            drive(service.port, load, count=requests)
            time.sleep(_FLUSH_S)
            growth = service.resident()[0] / _MIB - first
    # The last push of a load takes what is left; the first began before it.
    per_push = sum(pushes[1:-1]) / max(len(pushes[1:-1]), 1)
    errors = Row("", "") if not before.errors else Row("Errors", str(before.errors))
    return [
        judged(
            f"Resident memory of a worker after {requests:,} requests",
            f"{first:.0f} MiB",
            first,
            100,
            shown="≤ 100 MiB",
        ),
        judged(
            f"… growth over the next {requests:,}",
            f"{growth:+.1f} MiB",
            growth,
            2,
            shown="≤ 2 MiB",
        ),
        at_least("Loki: lines a push under load", f"{per_push:.0f}", per_push, 200),
        *([errors] if errors.piece else []),
    ]


def _mix() -> list[bytes]:
    """Return requests as a day brings them: mostly hot links, some others, creates, mistakes."""
    hot = [get(f"/api/{code(number % 20)}") for number in range(600)]
    redirects = [get(f"/{code(number % 20)}") for number in range(250)]
    cold = [get(f"/api/{code(number * 137 % 20_000)}") for number in range(100)]
    created = [
        post("/api/", b'{"url":"https://example.org/made/%d"}' % number) for number in range(30)
    ]
    unknown = [get(f"/zzzz{number:02d}") for number in range(20)]
    mixed = hot + redirects + cold + created + unknown
    return [mixed[place * 397 % len(mixed)] for place in range(len(mixed))]


def line(stores: Stores) -> Row:
    """CPU that one more log line costs the request's thread, rendered, written and queued."""
    with Peers() as peers:
        spec = Spec(SHORTENER, stores.environment() | peers.environment, signals=True)
        with Subject(spec) as subject:
            best = min(subject.log(_LINES) for _ in range(_LINE_ROUNDS)) * 1e6
    return judged(
        "One more log line, cost to the request", f"{best:.0f} µs", best, 35, shown="≤ 35 µs"
    )
