"""Through a real OpenTelemetry Collector: what it received is what was served."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from local.ports import free_port
from tests.conftest import StartService
from tests.harness.service import ROOT, Service
from tests.harness.sinks import eventually
from tests.harness.sinks_loki import COMPLETED
from tests.telemetry.conftest import NO_DATABASE, SAMPLE, await_health

BUILT = Path(ROOT, "build", "collector")
CONFIG = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}
  loki: {{protocols: {{http: {{endpoint: "127.0.0.1:{loki}"}}}}}}
exporters:
  prometheus: {{endpoint: "127.0.0.1:{prometheus}"}}
  file/traces: {{path: "{folder}/traces.jsonl", flush_interval: 100ms}}
  file/logs: {{path: "{folder}/logs.jsonl", flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file/traces]}}
    metrics: {{receivers: [otlp], exporters: [prometheus]}}
    logs: {{receivers: [loki], exporters: [file/logs]}}
"""


@dataclass
class Collector:
    """A running collector, its ports and the folder it writes to."""

    otlp: int
    loki: int
    prometheus: int
    folder: Path

    def written(self, name: str) -> list[dict[str, Any]]:
        """Return the exports in one file."""
        path = self.folder / f"{name}.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]

    def spans(self) -> list[dict[str, Any]]:
        """Return the spans received."""
        return [
            span
            for export in self.written("traces")
            for resource in export["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def logs(self) -> list[dict[str, Any]]:
        """Return the log records received."""
        return [
            record
            for export in self.written("logs")
            for resource in export["resourceLogs"]
            for scope in resource["scopeLogs"]
            for record in scope["logRecords"]
        ]

    def page(self) -> str:
        """Return the page that Prometheus would scrape."""
        return requests.get(f"http://127.0.0.1:{self.prometheus}/metrics", timeout=5).text


def command() -> str | None:
    """Find the collector: COLLECTOR, what `make collector` built, or one that is installed."""
    named = os.environ.get("COLLECTOR")
    return named or (str(BUILT) if BUILT.exists() else shutil.which("otelcol-contrib"))


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """Run a collector of its own for one test."""
    program = command()
    if program is None:
        pytest.skip("no OpenTelemetry Collector: `make collector` builds one (needs Go)")
    running = Collector(free_port(), free_port(), free_port(), tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(
        CONFIG.format(
            otlp=running.otlp,
            loki=running.loki,
            prometheus=running.prometheus,
            folder=tmp_path,
        )
    )
    with Path(tmp_path, "collector.log").open("wb") as log:
        process = subprocess.Popen([program, "--config", config], stdout=log, stderr=log)
        try:
            _await_start(process, running, tmp_path / "collector.log")
            yield running
        finally:
            process.terminate()
            process.wait(10)


def _await_start(process: subprocess.Popen[bytes], running: Collector, log: Path) -> None:
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        try:
            running.page()
            requests.get(f"http://127.0.0.1:{running.otlp}", timeout=1)
            requests.get(f"http://127.0.0.1:{running.loki}", timeout=1)
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


def observed(start_service: StartService, collector: Collector) -> Service:
    """Start the sample application with its telemetry going to the collector."""
    return start_service(
        {
            **NO_DATABASE,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.otlp}",
            "LOKI_ENDPOINT": f"http://127.0.0.1:{collector.loki}/loki/api/v1/push",
        },
        app=SAMPLE,
    )


def test_a_request_is_seen_as_a_span_a_log_line_and_a_series(
    start_service: StartService, collector: Collector
) -> None:
    service = observed(start_service, collector)
    health = await_health(service, status="ok")  # the probes are accepted too
    assert health["otel_tracing_works"]
    for _ in range(3):
        service.client.get(service.url + "/items/7")
    record = service.await_record(lambda record: record.get("path") == "/items/7")
    service.stop()
    spans = eventually(collector.spans)
    assert [span["name"] for span in spans] == ["GET /items/<name>"] * 3
    assert record["trace_id"] in {span["traceId"] for span in spans}
    logs = eventually(
        lambda: [
            log
            for log in collector.logs()
            if COMPLETED in log["body"]["stringValue"] and "/items/7" in log["body"]["stringValue"]
        ]
    )
    assert len(logs) == 3
    assert record in [json.loads(log["body"]["stringValue"]) for log in logs]
    # The receiver keeps only labels; structured metadata arrives where it is supported.
    names = {attribute["key"] for log in logs for attribute in log["attributes"]}
    assert {"service_name", "environment", "level"} <= names
    page = collector.page()
    (series,) = [
        line
        for line in page.splitlines()
        if line.startswith("http_server_request_duration_seconds_count") and "/items/" in line
    ]
    assert series.endswith(" 3")
