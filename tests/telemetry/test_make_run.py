"""`make run` with both endpoints somewhere: Ctrl-C loses nothing, or says what it lost."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from local.ports import free_port
from local.process import Process
from tests.harness.service import ROOT
from tests.harness.sinks import Fault, eventually
from tests.harness.sinks_loki import COMPLETED, LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.conftest import DURATION
from tests.telemetry.load import UNTRACED, Load

pytestmark = pytest.mark.timeout(150)


class Run:
    """One `python -m local`, which is what `make run` starts."""

    def __init__(self, folder: Path, otlp: OtlpSink, loki: LokiSink) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.output = folder / "output"
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PORT": str(port),
            "LOCAL_DIR": str(folder / "data"),
            "RATE_LIMIT_ENABLED": "false",
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url,
            "LOKI_ENDPOINT": loki.push_url,
        }
        with self.output.open("wb") as output:
            command = [sys.executable, "-m", "local"]
            self.process = Process(command, stdout=output, env=environment, cwd=ROOT)

    def answers(self) -> bool:
        """Tell whether the service is up."""
        try:
            return requests.get(self.url + "/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def interrupt(self) -> float:
        """Press Ctrl-C, which reaches the whole process group; return the seconds to the end."""
        started = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)
        return time.monotonic() - started

    def objects(self) -> list[dict[str, Any]]:
        """Return the JSON lines printed."""
        lines = self.output.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def running(folder: Path, otlp: OtlpSink, loki: LokiSink) -> Iterator[Run]:
    """Run it, and surely end it."""
    run = Run(folder, otlp, loki)
    try:
        eventually(run.answers, 60)
        yield run
    finally:
        if run.process.running:
            run.process.kill()


def test_ctrl_c_loses_nothing(tmp_path: Path, otlp: OtlpSink, loki: LokiSink) -> None:
    with running(tmp_path, otlp, loki) as run:
        with Load(run.url, ["/api/Zz9Zz9", "/nothing", "/Zz9Zz9"], clients=4) as load:
            load.await_answers(300)
            run.interrupt()
        printed = [
            line
            for line in run.objects()
            if line["msg"] == COMPLETED and line["path"] not in UNTRACED
        ]
    pushed = [line for line in loki.completed if line["path"] not in UNTRACED]
    seen = (len(otlp.server_spans), len(printed), len(pushed), otlp.histogram_count(DURATION))
    assert seen == (load.answered,) * 4


def test_ctrl_c_ends_in_time_and_says_what_was_lost_while_nobody_answers(
    tmp_path: Path, otlp: OtlpSink, loki: LokiSink
) -> None:
    otlp.fault = loki.fault = Fault.HANGS
    with running(tmp_path, otlp, loki) as run:
        with Load(run.url, ["/no/such/route"], clients=4) as load:
            load.await_answers(200)
        assert run.interrupt() < 20
        lost: dict[str, int] = {}
        for line in run.objects():
            for what, count in line.get("lost", {}).items():
                lost[what] = lost.get(what, 0) + count
    assert lost["spans"] == load.answered
    assert (
        sum(count for what, count in lost.items() if what.startswith("log lines")) >= load.answered
    )
