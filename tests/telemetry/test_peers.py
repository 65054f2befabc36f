"""What is said of lost telemetry names who did not take it, and why."""

import json

import pytest
import requests

from local.ports import free_port
from telemetry.peers import Peer
from telemetry.watch import Report
from tests.harness.sinks import Fault, eventually
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.conftest import StartObserved

CREDENTIALS = "https://user:s3cret@loki.example:3100/loki/api/v1/push?key=s3cret"


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (requests.ConnectionError("[Errno 111] Connection refused"), "it refused the connection"),
        (
            requests.ConnectionError("[Errno -2] Name or service not known"),
            "its name cannot be resolved",
        ),
        (requests.ReadTimeout("Read timed out."), "it did not answer in time"),
        (requests.ConnectionError("Connection aborted."), "it broke the connection off"),
        (requests.exceptions.SSLError("bad handshake"), "no TLS connection could be made"),
        (ValueError(CREDENTIALS), "the request failed (ValueError)"),
    ],
)
def test_a_reason_is_in_our_own_words(error: Exception, meaning: str) -> None:
    peer = Peer(CREDENTIALS)
    peer.failed(error)
    assert peer.why == f"https://loki.example:3100: {meaning}"


def test_a_peer_that_never_failed_has_no_reason() -> None:
    assert Peer("http://[::1]:4318/v1/traces").why is None


def test_a_report_gives_the_reasons_of_what_was_lost_alone() -> None:
    written: list[str] = []
    losses = {"spans": 0, "metric exports": 1, "log lines, stdout": 1, "log lines, refused": 0}
    why = {"spans": "a", "metric exports": "b", "log lines": "c"}
    report = Report(lambda: losses, written.append, lambda: why)
    report.say("Telemetry was lost")
    losses["log lines, refused"] = 1
    report.say("Telemetry was lost")
    assert [json.loads(line)["why"] for line in written] == [
        {"metric exports": "b"},
        {"log lines": "c"},
    ]


def test_a_worker_says_who_did_not_take_what(
    start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    loki.fault = Fault.BAD_REQUEST
    nobody = f"http://127.0.0.1:{free_port()}"
    service = start_observed({"OTEL_EXPORTER_OTLP_ENDPOINT": nobody})
    service.client.get(service.url + "/hello")
    eventually(lambda: loki.attempts)
    service.stop()
    lines = [json.loads(line) for line in service.stderr.splitlines() if '"lost"' in line]
    why = {kind: reason for line in lines for kind, reason in line["why"].items()}
    assert why == {
        "spans": f"{nobody}: it refused the connection",
        "metric exports": f"{nobody}: it refused the connection",
        "log lines": f"{loki.url}: it answered 400",
    }
    assert any("failed to send log to loki" in line["msg"] for line in lines)
    assert otlp.attempts == 0
