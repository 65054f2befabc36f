"""What one request leaves behind: a span, log lines with its ids, one "Request completed"."""

import http.client
import re
import socket
import struct
import threading
from typing import Any

import requests

from tests.harness.service import Service
from tests.harness.sinks_loki import COMPLETED, LokiSink
from tests.harness.sinks_otlp import CLIENT, OtlpSink, Span
from tests.telemetry.conftest import DURATION, StartObserved, completed

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def of_path(service: Service, path: str) -> dict[str, Any]:
    """Return the one "Request completed" of a path, once it is written."""
    found = service.await_record(
        lambda record: record["msg"] == COMPLETED and record["path"] == path
    )
    assert [record for record in completed(service) if record["path"] == path] == [found]
    return found


def span_of(otlp: OtlpSink, record: dict[str, Any]) -> Span:
    """Return the server span with the ids of a log line."""
    (span,) = [span for span in otlp.server_spans if span.trace_id == record["trace_id"]]
    return span


def test_the_line_has_every_field_of_the_specification(
    start_observed: StartObserved, otlp: OtlpSink
) -> None:
    service = start_observed()
    service.client.get(service.url + "/hello?q=1", headers={"X-Request-ID": "req-xyz123"})
    service.stop()
    record = of_path(service, "/hello")
    assert {name: type(value) for name, value in record.items()} == {
        "level": str,
        "ts": str,
        "msg": str,
        "logger": str,
        "trace_id": str,
        "span_id": str,
        "request_id": str,
        "method": str,
        "path": str,
        "status": int,
        "latency_ms": float,
        "client_ip": str,
        "service_name": str,
        "environment": str,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["ts"])
    assert re.fullmatch(r"[0-9a-f]{32}", record["trace_id"])
    assert re.fullmatch(r"[0-9a-f]{16}", record["span_id"])
    assert (record["request_id"], record["method"], record["status"], record["client_ip"]) == (
        "req-xyz123",
        "GET",
        200,
        "127.0.0.1",
    )
    span = span_of(otlp, record)
    assert (span.span_id, span.attributes["request_id"]) == (record["span_id"], "req-xyz123")


def test_loki_gets_the_same_objects_as_stdout(
    start_observed: StartObserved, loki: LokiSink
) -> None:
    service = start_observed()
    for path in ("/hello", "/log", "/fail", "/nope"):
        service.client.get(service.url + path)
    service.stop()
    # Lines of the master and of the worker before its start stay on stdout.
    printed = [line for line in service.lines if '"request_id"' in line]
    pushed = [entry.text for entry in loki.entries if '"request_id"' in entry.text]
    assert sorted(pushed) == sorted(printed)
    for entry in loki.entries:
        ids = {"trace_id", "span_id", "request_id"} & entry.record.keys()
        assert entry.metadata == {name: entry.record[name] for name in ids}


def test_a_traceparent_is_continued_and_amazons_is_only_noted(
    start_observed: StartObserved, otlp: OtlpSink
) -> None:
    service = start_observed()
    headers = {
        "traceparent": f"00-{TRACE}-{PARENT}-01",
        "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
    }
    service.client.get(service.url + "/log", headers=headers)
    service.stop()
    record = of_path(service, "/log")
    span = span_of(otlp, record)
    assert (span.trace_id, span.parent_id) == (TRACE, PARENT)
    assert record["amzn_trace_id"] == headers["X-Amzn-Trace-Id"]
    assert span.attributes["aws.xray.trace_header"] == headers["X-Amzn-Trace-Id"]


def test_every_line_inside_a_request_has_its_ids_and_no_secret(
    start_observed: StartObserved,
) -> None:
    service = start_observed()
    service.client.get(service.url + "/log", headers={"X-Request-ID": "the-one"})
    service.stop()
    inside = [record for record in service.records if record.get("request_id") == "the-one"]
    assert [record["logger"] for record in inside] == [
        "sample",
        "some.library",
        "telemetry.request",
    ]
    assert len({(record["trace_id"], record["span_id"]) for record in inside}) == 1
    assert inside[0]["number"] == 7
    assert "hunter2" not in service.stdout
    assert "s3cret" not in service.stdout


def test_a_query_is_nowhere(start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink) -> None:
    service = start_observed()
    service.client.get(service.url + "/items/a?key=hunter2")
    service.client.get(service.url + "/nope?key=hunter2")
    service.client.get(service.url + "/fail?key=hunter2")
    service.stop()
    everything = service.stdout + service.stderr + repr(otlp.spans) + repr(loki.entries)
    assert "hunter2" not in everything


ANSWERS = {
    ("GET", "/nope"): 404,
    ("PUT", "/hello"): 405,
    ("GET", "/status/413"): 413,
    ("GET", "/status/429"): 429,
    ("GET", "/fail"): 500,
    ("BREW", "/brewed"): 404,
    ("OPTIONS", "/hello"): 200,
    ("HEAD", "/hello"): 200,
}


def test_every_answer_is_logged_once_and_has_a_span(
    start_observed: StartObserved, otlp: OtlpSink
) -> None:
    service = start_observed()
    for method, path in ANSWERS:
        service.client.request(method, service.url + path)
    service.stop()
    logged = completed(service)
    assert {(line["method"], line["path"]): line["status"] for line in logged} == ANSWERS
    assert len(logged) == len(ANSWERS)
    for line in logged:
        assert span_of(otlp, line).attributes["http.response.status_code"] == line["status"]
    assert otlp.histogram_count(DURATION) == len(ANSWERS)


def test_an_unmatched_route_is_named_by_its_method_alone(
    start_observed: StartObserved, otlp: OtlpSink
) -> None:
    service = start_observed()
    service.client.get(service.url + "/nope")
    service.client.request("BREW", service.url + "/nope")
    service.client.get(service.url + "/items/7")
    service.stop()
    assert [span.name for span in otlp.server_spans] == ["GET", "HTTP", "GET /items/<name>"]


def test_probes_make_no_span_and_only_their_own_paths_are_probes(
    start_observed: StartObserved, otlp: OtlpSink
) -> None:
    service = start_observed()
    for path in (
        "/healthz",
        "/healthz?x=1",
        "/metrics",
        "/items/healthz",
        "/hello?y=healthz",
        "/healthzz",
        "/x?//a/metrics",
    ):
        service.client.get(service.url + path)
    service.stop()
    assert [span.attributes["url.path"] for span in otlp.server_spans] == [
        "/items/healthz",
        "/hello",
        "/healthzz",
        "/x",
    ]


def test_a_client_that_hung_up_is_logged_once(
    start_observed: StartObserved, otlp: OtlpSink
) -> None:
    service = start_observed()
    client = socket.create_connection(("127.0.0.1", service.port))
    client.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    client.recv(1024)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    record = of_path(service, "/stream")
    service.stop()
    assert record["status"] == 200
    assert span_of(otlp, record).span_id == record["span_id"]
    parts = [line for line in service.records if line["msg"] == "Part"]
    assert {line["request_id"] for line in parts} == {record["request_id"]}


def test_a_body_that_never_comes_whole_is_logged_once(start_observed: StartObserved) -> None:
    service = start_observed()
    client = socket.create_connection(("127.0.0.1", service.port))
    client.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
    client.close()
    assert of_path(service, "/upload")["method"] == "POST"


def test_a_thread_never_takes_ids_into_the_next_request(
    start_observed: StartObserved, otlp: OtlpSink
) -> None:
    service = start_observed({"GUNICORN_THREADS": "2"})

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        for turn in range(40):
            path = ("/log", "/fail", "/nope", "/healthz", "/hello")[turn % 5]
            headers = {"X-Request-ID": f"c{number}-{turn}"}
            connection.request("GET", path, headers=headers)
            connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    service.stop()
    by_request: dict[str, set[str | None]] = {}
    for record in service.records:
        if "request_id" in record:
            by_request.setdefault(record["request_id"], set()).add(record.get("trace_id"))
    ours = {name: ids for name, ids in by_request.items() if re.fullmatch(r"c\d-\d+", name)}
    assert len(ours) == 160
    assert {len(ids) for ids in ours.values()} == {1}
    traced = [ids for name, ids in ours.items() if int(name.split("-")[1]) % 5 != 3]
    assert len(set.union(*traced)) == 128
    assert {span.parent_id for span in otlp.server_spans} == {""}


def test_statements_and_commands_are_child_spans_without_values(
    shortener: StartObserved, otlp: OtlpSink
) -> None:
    service = shortener()
    api = service.url + "/api"
    service.client.post(f"{api}/", json={"url": "https://example.com/hunter2?key=hunter3"})
    account = {"email": "ada-hunter4@example.com", "password": "hunter5-password"}
    service.client.post(f"{api}/signup", json=account)
    service.stop()
    record = of_path(service, "/api/")
    children = [
        span
        for span in otlp.spans
        if span.kind == CLIENT and span.parent_id == span_of(otlp, record).span_id
    ]
    systems = {span.attributes["db.system.name"] for span in children}
    assert systems == {"postgresql", "redis"}
    assert all("db.query.text" in span.attributes for span in children)
    assert "hunter" not in repr(otlp.spans)


def test_the_applications_other_refusals_are_logged_too(
    shortener: StartObserved, otlp: OtlpSink
) -> None:
    service = shortener({"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT": "1/minute"})
    api = service.url + "/api/"
    too_large = {"url": "https://example.com/" + "a" * 200_000}
    # Each on a connection of its own: a body that nobody reads may end the connection.
    answers = [requests.post(api, json=too_large, timeout=10).status_code for _ in range(2)]
    small = {"url": "https://example.com"}
    answers += [requests.post(api, json=small, timeout=10).status_code for _ in range(2)]
    service.stop()
    logged = [record["status"] for record in completed(service)]
    assert logged == answers
    assert {413, 429} <= set(answers)
    assert len(otlp.server_spans) == len(answers)
