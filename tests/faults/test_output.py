"""Standard output's reader gone, and its disk full: requests are served as before."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.load import Load, mistaken
from tests.faults.outputs import RedirectedService
from tests.harness.servers import Database
from tests.harness.service import Service
from tests.harness.sinks import eventually
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink

UNWRITTEN = "telemetry.stdout.lines.unwritten"


@pytest.fixture
def loki() -> Iterator[LokiSink]:
    with LokiSink() as sink:
        yield sink


@pytest.fixture
def otlp() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


@pytest.fixture
def environment(database: Database, loki: LokiSink, otlp: OtlpSink) -> dict[str, str | None]:
    sinks = {"LOKI_ENDPOINT": loki.push_url, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url}
    return {**database.environment, **sinks}


def assert_served_and_said(service: Service, load: Load, loki: LokiSink, otlp: OtlpSink) -> None:
    """Every request was answered; Loki has every line, the loss is in a metric and on stderr."""
    load.stop()
    assert load.bad() == []
    assert mistaken(service.url, load.told) == []
    asked = len(load.exchanges) + len(load.told.links)
    service.stop()
    assert len([r for r in loki.completed if r["path"] != "/healthz"]) == asked
    assert sum(point.value for point in otlp.series(UNWRITTEN)) > 0
    assert "log lines, stdout" in service.stderr


def test_the_reader_is_gone(
    environment: dict[str, str | None], loki: LokiSink, otlp: OtlpSink
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stdout:
        service = RedirectedService(environment, stdout)
        with service, Load(service.url) as load:
            load.await_good(20)
            stdout.close()
            os.close(reading)  # EPIPE from now on
            load.await_good(100)
            assert_served_and_said(service, load, loki, otlp)


def test_the_disk_is_full_from_the_start(
    environment: dict[str, str | None], loki: LokiSink, otlp: OtlpSink
) -> None:
    with Path("/dev/full").open("wb", buffering=0) as stdout:
        service = RedirectedService(environment, stdout)
        with service, Load(service.url) as load:
            load.await_good(100)
            assert_served_and_said(service, load, loki, otlp)


def test_the_disk_fills_up_and_is_emptied(
    environment: dict[str, str | None], loki: LokiSink, otlp: OtlpSink
) -> None:
    """The limit on a file's size, as a disk would, takes a part of a line and then nothing."""
    with Service(environment) as service, Load(service.url) as load:
        load.await_good(50)
        processes = [service.process.pid, *service.workers]
        limit = len(service.stdout.encode()) + 1000
        for pid in processes:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        eventually(lambda: len(service.stdout.encode()) == limit)
        load.await_good(50)
        for pid in processes:
            resource.prlimit(
                pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
        before = len(service.records)
        load.await_good(50)
        assert len(service.records) >= before + 50
        assert_served_and_said(service, load, loki, otlp)

        # The one line that was torn is the only one that cannot be read.
        lines = [line for line in service.lines if line]
        assert len(lines) - len(service.records) == 1
