"""`make observe` and `make trace`: three signals of one request, on a machine without Docker."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from local import doctor
from local.observability.run import Observed
from local.observability.servers import collector_program
from local.observability.trace import Tracer
from tests.system.test_local_run import ROOT, LocalRun, gone

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(
        collector_program() is None or shutil.which("prometheus") is None,
        reason="needs the Collector (make collector) and Prometheus (package prometheus)",
    ),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """Run it once for all tests; the last of them, by its fixture's end, sees that it ends."""
    command = [sys.executable, "-m", "local.observability"]
    more = {"COLLECTOR": os.environ["COLLECTOR"]} if "COLLECTOR" in os.environ else {}
    with LocalRun(tmp_path_factory.mktemp("observed"), command, **more) as run:
        yield run.await_start()
        processes = run.processes()
        run.process.send(signal.SIGINT)
        assert run.process.wait(60) == 0
        assert gone(processes)


def asked(run: LocalRun, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of local's beside the run."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
        env=run.environment,
    )


def test_one_trace_id_is_in_all_three_signals(running: LocalRun) -> None:
    done = asked(running, "local.observability.trace")

    assert (done.returncode, done.stderr) == (0, "")
    found = dict(line.split(maxsplit=2)[:2] for line in done.stdout.splitlines())
    assert found.keys() == {"request", "log", "trace", "metric"}
    assert found["log"] == found["trace"] == found["metric"]
    assert len(found["log"]) == 32


def test_the_collectors_page_has_the_trace_id_where_there_is_no_prometheus(
    running: LocalRun,
) -> None:
    observed = dataclasses.replace(Observed.read(running.folder), prometheus=None)
    tracer = Tracer(observed)
    _, trace_id = tracer.line(tracer.request()[1])

    assert tracer.exemplar(trace_id)["http_route"] == "/api/"


def test_what_is_told_is_where_to_look(running: LocalRun) -> None:
    observed = Observed.read(running.folder)

    for url in (observed.service, observed.keeper, observed.page, str(observed.prometheus)):
        assert url in running.output
    assert "make trace" in running.output


def test_doctor_finds_all_three_places(running: LocalRun) -> None:
    done = asked(running, "local.doctor", "--json")

    statuses = {row["check"]: row["status"] for row in json.loads(done.stdout)["checks"]}
    wanted = ("collector traces", "collector metrics", "loki push", "loki query")
    assert [statuses[name] for name in wanted] == ["ok"] * 4
    assert done.stderr.endswith(f"doctor: exit status {done.returncode}\n")


def test_without_a_run_it_says_what_to_do_first(
    running: LocalRun, tmp_path_factory: pytest.TempPathFactory
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.observability.trace"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        cwd=ROOT,
        env={**running.environment, "LOCAL_DIR": str(tmp_path_factory.mktemp("empty"))},
    )

    assert done.returncode == 1
    assert "start it first" in done.stderr


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_doctors_status_is_kept(
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stub = tmp_path_factory.mktemp("stub") / "doctor"
    stub.write_text(f"#!/bin/sh\nexit {status}\n")
    stub.chmod(0o755)
    monkeypatch.setattr(doctor, "DOCTOR", stub)

    assert doctor.main({"LOCAL_DIR": "/nowhere"}, []) == status
    assert capsys.readouterr().err == f"doctor: exit status {status}\n"
