"""What clients send: lines and spans say the same, and nothing that must not be said."""

import json
import socket
from typing import Any

from tests.harness.service import Service
from tests.harness.sinks import eventually
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.conftest import StartObserved

LINEAGE = "Root=1-5759e988-bd862e3fe1be46a994272793; Sampled=1;Lineage=a87bd80c:1|68fd508a:5"
# path as it is sent, headers, and what line and span say of it
SENT: dict[str, tuple[bytes, dict[str, str], dict[str, str]]] = {
    "port": (b"/a/b", {"X-Forwarded-For": "203.0.113.8:40001"}, {"client": "203.0.113.8"}),
    "brackets": (b"/a/b", {"X-Forwarded-For": '"[2001:DB8::8]:7"'}, {"client": "2001:db8::8"}),
    "unknown": (b"/a/b", {"X-Forwarded-For": "198.51.100.1, unknown"}, {"client": "127.0.0.1"}),
    "userinfo": (b"/api/https://u:s3cret@e.com/x", {}, {"path": "/api/https:/***@e.com/x"}),
    "encoded": (b"/api/https%3A%2F%2Fu%3As3cret%40e.com", {}, {"path": "/api/https://***@e.com"}),
    "twice": (b"/api/https%253A%252F%252Fu%253As3cret%2540e.com", {}, {}),
    "query": (b"/api/e.com%3Fs3cret", {}, {"path": "/api/e.com?***"}),
    "controls": (b"/%C2%80%C2%9B31m%E2%80%AE%E2%80%A8%7F%F3%A0%81%81", {}, {}),
    "lineage": (b"/a/b", {"X-Amzn-Trace-Id": LINEAGE}, {"trace": LINEAGE}),
}


def ask(service: Service, name: str) -> None:
    path, headers, _ = SENT[name]
    lines = [b"GET %s HTTP/1.1" % path, b"Host: s.example", b"Connection: close"]
    lines.append(f"X-Request-ID: {name}".encode())
    lines += [f"{header}: {value}".encode() for header, value in headers.items()]
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        client.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        while client.recv(65536):
            pass


def said(service: Service, otlp: OtlpSink, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the line and the attributes of the span of a request."""
    (record,) = [record for record in service.records if record.get("request_id") == name]
    (span,) = [span for span in otlp.server_spans if span.attributes["request_id"] == name]
    return record, span.attributes


def test_lines_and_spans_say_the_same_and_nothing_that_must_not_be_said(
    shortener: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    service = shortener({"TRUSTED_PROXIES": "1", "RATE_LIMIT_ENABLED": "false"})
    for name in SENT:
        ask(service, name)
    eventually(
        lambda: len([r for r in service.records if r.get("request_id") in SENT]) == len(SENT)
    )
    service.stop()

    for name, (_, _, expected) in SENT.items():
        record, attributes = said(service, otlp, name)
        assert record["client_ip"] == attributes["client.address"]
        assert record["client_ip"] == expected.get("client", "127.0.0.1"), name
        assert record.get("amzn_trace_id") == expected.get("trace"), name
        assert attributes.get("aws.xray.trace_header") == expected.get("trace"), name
        if "path" in expected:
            assert record["path"] == attributes["url.path"] == expected["path"], name
    assert said(service, otlp, "port")[1]["client.port"] == 40001
    told = service.stdout + service.stderr + "".join(entry.text for entry in loki.entries)
    assert "s3cret" not in told
    assert "s3cret" not in json.dumps([span.attributes for span in otlp.spans])
    assert told.replace("\n", "").isprintable()
    assert said(service, otlp, "controls")[0]["path"] == "/\x80\x9b31m\u202e\u2028\x7f\U000e0041"
