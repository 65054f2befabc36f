"""Instances replaced behind a balancer while clients ask: nobody notices, nothing is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.conftest import StartService
from tests.faults.balancer import Balancer, needs_haproxy
from tests.faults.load import CREATE, Load, mistaken
from tests.harness.room import MACHINE
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.harness.sinks import eventually
from tests.harness.sinks_loki import COMPLETED, LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.load import UNTRACED

pytestmark = [needs_haproxy, pytest.mark.timeout(300)]

REPLACEMENTS = 10
DURATION = "http.server.request.duration"


class Fleet:
    """Instances as in production: each a task of its own, all on the same stores and sinks."""

    def __init__(self, start: StartService, environment: dict[str, str]) -> None:
        self._start = start
        self._environment = environment
        self.instances: list[Service] = []
        self._endings: list[Future[int]] = []
        self._threads = ThreadPoolExecutor(16)

    def start(self, **more: str) -> Service:
        """Start an instance and wait until it serves."""
        task = f"arn:aws:ecs:eu-west-1:1:task/shortener/{len(self.instances)}"
        environment = {**self._environment, "TASK_ARN": task, **more}
        instance = self._start(environment, arguments=("--log-level", "warning"))
        self.instances.append(instance)
        return instance

    def start_ahead(self) -> Future[Service]:
        """Start an instance while the ones before it still serve."""
        return self._threads.submit(self.start)

    def end(self, instance: Service) -> None:
        """Send SIGTERM and go on; `await_ends` waits."""
        instance.process.send(signal.SIGTERM)
        self._endings.append(self._threads.submit(instance.process.wait, 55))

    def await_ends(self) -> list[int]:
        """Wait for all that were told to end; return their exit statuses."""
        return [ending.result() for ending in self._endings]


@pytest.fixture
def otlp() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
    assert sink.errors == []


@pytest.fixture
def loki() -> Iterator[LokiSink]:
    with LokiSink() as sink:
        yield sink
    assert sink.errors == []


@pytest.fixture
def fleet(
    start_service: StartService, database: Database, valkey: Valkey, otlp: OtlpSink, loki: LokiSink
) -> Fleet:
    return Fleet(
        start_service,
        {
            **database.environment,
            **valkey.environment(),
            "ENV": "production",
            "SHUTDOWN_DELAY": "4",
            "WEB_CONCURRENCY": "2",
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url,
            "LOKI_ENDPOINT": loki.push_url,
        },
    )


def seen(fleet: Fleet, otlp: OtlpSink, loki: LokiSink) -> dict[str, int]:
    """Count the requests in every place, after all instances have ended."""
    assert len({span.span_id for span in otlp.spans}) == len(otlp.spans), "a span came twice"
    stdout = [
        record
        for instance in fleet.instances
        for record in instance.records
        if record["msg"] == COMPLETED and record["path"] not in UNTRACED
    ]
    return {
        "spans": len(otlp.server_spans),
        "stdout": len(stdout),
        "loki": len([record for record in loki.completed if record["path"] not in UNTRACED]),
        "histogram": otlp.histogram_count(DURATION),
    }


def visits_written(database: Database) -> int:
    """Return how many visits are in the database, whoever came."""
    with database.connect() as connection:
        row = connection.execute("SELECT sum(visits + bots)::int FROM visit_slots").fetchone()
    assert row is not None
    return int(row[0])


def everywhere(count: int) -> dict[str, int]:
    return dict.fromkeys(("spans", "stdout", "loki", "histogram"), count)


def test_ten_replacements_under_load(
    fleet: Fleet, database: Database, otlp: OtlpSink, loki: LokiSink, tmp_path: Path
) -> None:
    current = {"one": fleet.start(), "two": fleet.start()}
    ports = {name: instance.port for name, instance in current.items()}
    with Balancer(tmp_path, ports) as balancer, Load(balancer.url, 4, pause=0.02) as load:
        following = fleet.start_ahead()
        for number in range(REPLACEMENTS):
            name = ("one", "two")[number % 2]
            fresh = following.result()
            if number + 1 < REPLACEMENTS:
                following = fleet.start_ahead()
            balancer.deregister(name)
            fleet.end(current[name])
            balancer.register(name, fresh.port)
            current[name] = fresh
            load.await_good(40)
        load.stop()
        assert mistaken(balancer.url, load.told) == []
        for instance in current.values():
            fleet.end(instance)
        assert fleet.await_ends() == [0] * (REPLACEMENTS + 2)

    assert load.bad() == []
    assert seen(fleet, otlp, loki) == everywhere(len(load.exchanges) + len(load.told.links))
    reads = [one for one in load.exchanges if one.kind != CREATE]
    assert visits_written(database) == len(reads) + len(load.told.links)
    forwarded = {r["client_ip"] for one in fleet.instances for r in one.records if "client_ip" in r}
    assert forwarded == {"127.0.0.1"}


def test_sigterm_first_and_deregistered_in_time_loses_nothing(
    fleet: Fleet, otlp: OtlpSink, loki: LokiSink, tmp_path: Path
) -> None:
    one, two = fleet.start(), fleet.start()
    with (
        Balancer(tmp_path, {"one": one.port, "two": two.port}) as balancer,
        Load(balancer.url, 4, pause=0.01) as load,
    ):
        load.await_good(100)
        fleet.end(one)
        told, told_at = time.monotonic(), datetime.now(UTC)
        # Fargate Spot: the balancer hears of it some seconds after the task.
        load.await_good(100)
        eventually(lambda: time.monotonic() > told + 2)
        balancer.deregister("one")
        load.await_good(100)
        assert fleet.await_ends() == [0]
        load.stop()
        assert mistaken(balancer.url, load.told) == []
        fleet.end(two)
        fleet.await_ends()

    assert load.bad() == []
    times = [record["ts"] for record in one.records if record["msg"] == COMPLETED]
    served_since = (datetime.fromisoformat(max(times)) - told_at).total_seconds()
    assert served_since > 1.5, "the balancer sent nothing any more: nothing was shown"
    assert seen(fleet, otlp, loki) == everywhere(len(load.exchanges) + len(load.told.links))


def test_sigterm_and_never_deregistered_loses_only_what_came_between_two_probes(
    fleet: Fleet, otlp: OtlpSink, loki: LokiSink, tmp_path: Path
) -> None:
    one, two = fleet.start(SHUTDOWN_DELAY="1"), fleet.start()
    with (
        Balancer(tmp_path, {"one": one.port, "two": two.port}) as balancer,
        Load(balancer.url, 4, pause=0.01) as load,
    ):
        load.await_good(100)
        fleet.end(one)
        balancer.await_status("one", "DOWN")
        down = time.monotonic()
        load.await_good(200)
        assert fleet.await_ends() == [0]
        load.stop()
        assert mistaken(balancer.url, load.told) == []
        fleet.end(two)
        fleet.await_ends()

    lost = load.bad()
    # Refused at once by a closed port, answered 503 by the balancer: none was begun and cut off,
    # none hung, so none was half done.
    assert {(one.status, one.seconds < 1 + MACHINE) for one in lost} <= {(503, True)}
    assert all(one.begun < down + 0.5 + MACHINE for one in lost)
    answered = len(load.exchanges) - len(lost) + len(load.told.links)
    assert seen(fleet, otlp, loki) == everywhere(answered)


def test_the_balancer_appends_the_address_it_saw(fleet: Fleet, tmp_path: Path) -> None:
    one = fleet.start(SHUTDOWN_DELAY="0")
    with Balancer(tmp_path, {"one": one.port}) as balancer:
        forged = {"X-Forwarded-For": "203.0.113.7"}
        requests.get(f"{balancer.url}/zzzzzz", headers=forged, timeout=10)

    record = one.await_record(lambda record: record.get("path") == "/zzzzzz")
    assert record["client_ip"] == "127.0.0.1"
