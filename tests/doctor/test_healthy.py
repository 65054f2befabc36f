"""doctor where all is well, in every way it is called."""

import json
import os
import subprocess
import tomllib
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # stubs are not worth a package
import pytest

from app.doctor.collector import METRIC
from tests.conftest import StartService
from tests.doctor.command import STRONG, doctor
from tests.doctor.conftest import Environment
from tests.doctor.tasks import await_report
from tests.harness.servers import ROOT, Valkey
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink

ROWS = [
    "configuration",
    "secrets",
    "cors",
    "shutdown",
    "postgresql",
    "session",
    "schema",
    "connections",
    "writes",
    "clock",
    "requests",
    "locks",
    "clients",
    "redis",
    "collector traces",
    "collector metrics",
    "loki push",
    "loki query",
    "workers",
    "tasks",
    "dependencies",
    "same secrets",
    "same settings",
    "same clock",
    "proxies",
    "stdout",
    "visits",
    "service /healthz",
    "service /api/health",
]


def test_every_row_is_ok(healthy: Environment, start_service: StartService, tmp_path: Path) -> None:
    trusting = {**healthy, "TRUSTED_PROXIES": "1"}
    service = start_service(trusting, port=int(healthy["PORT"]))
    for number in range(15):
        # As through a proxy that is not there on a developer's machine.
        forwarded = {"X-Forwarded-For": f"203.0.113.{number}"}
        service.client.get(f"{service.url}/api/zzzz{number:02}", headers=forwarded)
    await_report(service.port, lambda report: report.forwarding.requests == 15)

    def statuses() -> dict[str, str]:
        return {row["check"]: row["status"] for row in outcome.report["checks"]}

    outcome = doctor(trusting, "--json", cwd=tmp_path)
    for _ in range(3):
        # A busy machine answers a ping late, and doctor says so.
        if set(statuses().values()) != {"ok"}:
            outcome = doctor(trusting, "--json", cwd=tmp_path)

    assert statuses() == dict.fromkeys(ROWS, "ok")
    assert (outcome.status, outcome.stderr) == (0, "")
    schema = json.loads((ROOT / "docs" / "doctor.schema.json").read_text())
    jsonschema.validate(outcome.report, schema)


def test_the_table_has_a_line_for_each_row(healthy: Environment, tmp_path: Path) -> None:
    outcome = doctor({**healthy, "COLUMNS": "200"}, cwd=tmp_path)

    title, *lines = outcome.stdout.splitlines()
    assert title.split() == ["CHECK", "FOUND,", "LIKELY", "CAUSE,", "NEXT", "COMMAND"]
    assert [line[6:27].strip() for line in lines[: len(ROWS)]] == ROWS
    assert lines[-1].startswith("17 ok, 12 not looked at;")
    assert outcome.status == 0


def test_one_span_one_metric_and_one_line_arrive(
    healthy: Environment, otlp: OtlpSink, loki: LokiSink, tmp_path: Path
) -> None:
    doctor(healthy, cwd=tmp_path)

    (span,) = otlp.spans
    (point,) = otlp.points.values()
    (entry,) = loki.entries
    assert (span.name, point.metric, point.value) == ("doctor", "shortener.doctor.runs", 1)
    assert span.resource["service.instance.id"].endswith("-doctor")
    assert dict(entry.labels) == {
        "service_name": "go-backend",
        "environment": "local",
        "level": "info",
    }
    assert entry.record["logger"] == "app.doctor"
    assert (otlp.errors, loki.errors) == ([], [])


def test_a_sampler_that_takes_nothing_does_not_keep_the_span_back(
    healthy: Environment, otlp: OtlpSink, tmp_path: Path
) -> None:
    outcome = doctor({**healthy, "OTEL_TRACES_SAMPLER": "always_off"}, "--json", cwd=tmp_path)

    assert outcome.rows["collector traces"]["status"] == "ok"
    assert len(otlp.spans) == 1


def test_nothing_of_ours_stays_in_redis(
    healthy: Environment, own_valkey: Valkey, tmp_path: Path
) -> None:
    doctor(healthy, cwd=tmp_path)

    with own_valkey.connect() as client:
        (key,) = client.keys("*")
        assert key.startswith(b"shortener:doctor:")
        assert 0 < client.ttl(key) <= 10


def test_it_runs_in_a_read_only_folder_without_the_project(
    healthy: Environment, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir(mode=0o555)

    outcome = doctor(healthy, "--json", cwd=folder)

    assert outcome.status == 0
    assert list(folder.iterdir()) == []


def test_it_takes_the_variables_of_a_running_service(
    healthy: Environment, start_service: StartService, tmp_path: Path
) -> None:
    service = start_service(healthy, port=int(healthy["PORT"]))
    nothing: Environment = {}

    outcome = doctor(nothing, "--json", "--pid", str(service.workers[0]), cwd=tmp_path)

    assert outcome.status == 0
    assert outcome.rows["service /api/health"]["status"] == "ok"
    assert STRONG not in outcome.stdout


def test_make_doctor_finds_the_running_service(
    healthy: Environment, start_service: StartService, tmp_path: Path
) -> None:
    service = start_service(healthy, port=int(healthy["PORT"]))
    record = {"pid": service.process.pid, "started": 1.5}
    (tmp_path / "service.json").write_text(json.dumps(record))

    done = subprocess.run(
        # --assume-old: never install in the middle of a test.
        ["make", "--silent", "--assume-old=.venv/.installed", "doctor", "ARGS=--json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "LOCAL_DIR": str(tmp_path)},
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "ok"


@pytest.mark.parametrize(
    "arguments", [["--tasks", "0"], ["--tasks", "x"], ["--nonsense"], ["--pid", "0999999999"]]
)
def test_a_wrong_call_is_told_apart_from_a_failure(arguments: list[str], tmp_path: Path) -> None:
    outcome = doctor({}, *arguments, cwd=tmp_path)

    assert outcome.status == 2
    assert outcome.stdout == ""
    assert outcome.stderr.strip()


def test_help_explains_the_exit_status_and_every_option(tmp_path: Path) -> None:
    outcome = doctor({}, "--help", cwd=tmp_path)

    assert outcome.status == 0
    for text in ("exit status:", "--json", "--pid", "--tasks", "--stop-timeout", "LOKI_QUERY_URL"):
        assert text in outcome.stdout


def test_the_metric_is_catalogued_apart_from_the_service_s() -> None:
    catalogue = tomllib.loads((ROOT / "docs" / "metrics.toml").read_text(encoding="utf-8"))

    assert [entry["name"] for entry in catalogue["doctor"]] == [METRIC]
    assert METRIC not in {entry["name"] for entry in catalogue["instrument"]}
