"""Throughput while something that is not needed is dead, slow or hangs, against all being well."""

from __future__ import annotations

import statistics
from contextlib import ExitStack

from bench.client import drive, get
from bench.links import code, fill
from bench.peers import ACCEPTS, HANGS, REFUSES, SLOW, Peers
from bench.service import Service
from bench.stores import Stores
from bench.table import Row, at_least
from local.ports import LOOPBACK, free_port
from local.valkey import Valkey

SECONDS = 1.0
ROUNDS = 45
"""Short and many: on a shared machine the speed of a core changes from one second to the next."""
_DATABASE = "outages"


def measure(stores: Stores, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Row]:
    """Drive a healthy service and each of the others in turns; the median of the ratios counts."""
    stores.create_database(_DATABASE)
    with stores.postgresql.connect(_DATABASE) as connection:
        fill(connection, 1000, owners=10)
    return [_compare(stores, name, rounds, seconds) for name in _CASES]


_CASES = (
    "Collector and Loki dead",
    "Collector and Loki slow",
    "Collector and Loki hanging",
    "Collector and Loki refusing (503)",
    "Redis dead",
    "Redis hanging",
)


def _compare(stores: Stores, name: str, rounds: int, seconds: float) -> Row:
    requests = [get(f"/api/{code(number % 50)}") for number in range(500)]
    with ExitStack() as stack:
        healthy_peers = stack.enter_context(Peers(ACCEPTS))
        well = stores.environment(_DATABASE) | healthy_peers.environment
        healthy = stack.enter_context(Service(well))
        ill = stack.enter_context(Service(well | _fault(stores, name, stack)))
        ratios = []
        for service in (healthy, ill):
            drive(service.port, requests, seconds=1.0)
        errors = 0
        for number in range(rounds):
            order = (healthy, ill) if number % 2 else (ill, healthy)
            driven = {each: drive(each.port, requests, seconds=seconds) for each in order}
            usual, faulty = driven[healthy], driven[ill]
            errors += faulty.errors
            ratios.append(faulty.rate / usual.rate)
    ratio = statistics.median(ratios)
    run = f"{faulty.rate:.0f}/s" + (f", {errors} errors" if errors else "")
    return at_least(
        f"{name}: throughput", run, ratio if not errors else 0.0, 0.95, ratio=f"{ratio:.2f}"
    )


def _fault(stores: Stores, name: str, stack: ExitStack) -> dict[str, str]:
    if name.startswith("Redis"):
        valkey = Valkey(stores.valkey.folder.with_name(f"valkey-{free_port()}"))
        if name.endswith("hanging"):
            stack.enter_context(valkey)
            valkey.freeze()
            stack.callback(valkey.thaw)
        return valkey.environment()
    if name.endswith("dead"):
        url = f"http://{LOOPBACK}:{free_port()}"
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "LOKI_ENDPOINT": url}
    mood = HANGS if name.endswith("hanging") else SLOW if name.endswith("slow") else REFUSES
    return stack.enter_context(Peers(mood)).environment
