"""The stand-in for Loki and Tempo, fed by a real worker."""

import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests

from local.observability.keeper import LARGEST_BODY, PUSH_PATH, QUERY_PATH, TRACE_PATH, Keeper
from local.observability.kept_lines import KeptLines, UnknownQuery
from tests.harness.sinks import eventually
from tests.telemetry.conftest import StartObserved

WHOLE = {"start": 0, "end": 10**19, "limit": 100}


@pytest.fixture
def keeper() -> Iterator[str]:
    """Run one in this process; return its URL."""
    with Keeper(0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def find(keeper: str, query: str) -> list[dict[str, Any]]:
    """Ask as Loki is asked."""
    parameters: dict[str, str | int] = {"query": query, **WHOLE}
    answer = requests.get(keeper + QUERY_PATH, params=parameters, timeout=5)
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def test_what_a_worker_sends_is_found_by_its_trace_id(
    keeper: str, start_observed: StartObserved
) -> None:
    sinks = {"OTEL_EXPORTER_OTLP_ENDPOINT": keeper, "LOKI_ENDPOINT": keeper + PUSH_PATH}
    service = start_observed(sinks)
    service.client.get(service.url + "/items/7")
    record = service.await_record(lambda record: record.get("path") == "/items/7")
    service.stop()
    trace_id = record["trace_id"]

    (stream,) = eventually(
        lambda: find(
            keeper, f'{{service_name="go-backend", level=~"info|warn"}} | trace_id="{trace_id}"'
        )
    )
    assert json.loads(stream["values"][0][1])["path"] == "/items/7"
    assert find(keeper, f'{{service_name="another"}} | trace_id="{trace_id}"') == []
    (span,) = requests.get(f"{keeper}{TRACE_PATH}{trace_id}", timeout=5).json()["spans"]
    assert (span["name"], span["kind"]) == ("GET /items/<name>", "server")


def test_old_lines_make_room() -> None:
    lines = KeptLines(most=3)
    values = [[str(number), f"line {number}"] for number in range(5)]
    lines.push(json.dumps({"streams": [{"stream": {"a": "b"}, "values": values}]}).encode())

    kept = [stream["values"][0][1] for stream in lines.find('{a="b"}', 0, 10, 10)]
    assert kept == ["line 4", "line 3", "line 2"]


@pytest.mark.parametrize("query", ["", "{", '{a!="b"}', '{a="b"} | json', '{a=~"("}', "{} x"])
def test_what_it_does_not_understand_it_says(query: str) -> None:
    lines = KeptLines()
    lines.push(json.dumps({"streams": [{"stream": {"a": "b"}, "values": [["1", "x"]]}]}).encode())

    with pytest.raises(UnknownQuery, match="understood"):
        lines.find(query, 0, 10, 10)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        (PUSH_PATH, b"no JSON", {}, 400),
        (PUSH_PATH, b'{"streams": 7}', {}, 400),
        (PUSH_PATH, b"no gzip", {"Content-Encoding": "gzip"}, 400),
        ("/v1/traces", b"\xff\xff", {}, 400),
        ("/v1/metrics", b"", {}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(
    keeper: str, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = requests.post(keeper + path, data=body, headers=headers, timeout=5)

    assert (answer.status_code, "error" in answer.json()) == (status, True)


def test_a_body_that_is_too_large_is_not_read(keeper: str) -> None:
    headers = {"Content-Length": str(LARGEST_BODY + 1)}
    answer = requests.post(keeper + PUSH_PATH, data=b"", headers=headers, timeout=5)

    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
