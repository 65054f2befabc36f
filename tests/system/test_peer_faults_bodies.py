"""What other shorteners get wrong with bodies: rows 2 and 18 of the list of faults."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from local.ports import LOOPBACK
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.system.wire import WAIT, Answer, ask, exchange


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    """Run one service for the tests of this file; afterwards it must not have spoken of a fault."""
    environment = {**module_database.environment, **module_valkey.environment()}
    with Service({**environment, "PUBLIC_BASE_URL": "https://s.example"}) as service:
        yield service
        assert "Traceback" not in service.stdout + service.stderr


@pytest.mark.parametrize("path", ["/api/", "/api/signup", "/api/login"])
@pytest.mark.parametrize(
    "escape", [b"\\ud800", b"\\u0000", b"\\udfff\\ud800", b"\xed\xa0\x80", b"\xff"]
)
def test_row_2_text_that_no_database_takes(service: Service, path: str, escape: bytes) -> None:
    text = b"https://e.com/" + escape
    body = b'{"url":"%b","email":"%b@example.org","password":"secret1","username":"%b"}' % (
        (text, escape, escape)
    )

    answer = ask(service, "POST", path, b"Content-Type: application/json", body=body)

    assert answer.status in {400, 401}
    assert answer.json["error"]


@pytest.mark.parametrize("path", ["/api/", "/api/signup", "/api/login"])
@pytest.mark.parametrize(
    ("media_type", "body", "statuses"),
    [
        (b"text/html", b"{}", {415}),
        (b"application/x-www-form-urlencoded", b"url=https%3A%2F%2Fe.com", {415}),
        (b"multipart/form-data; boundary=x", b"--x--", {415}),
        (b"\xff\xfe", b"{}", {415}),
        (b"application/json", b"", {400}),
        (b"application/json", b"[]", {400}),
        (b"application/json", b"null", {400}),
        (b"application/json", b"[" * 60_000, {400}),
        (b"application/json", b'{"a":' * 20_000 + b"1" + b"}" * 20_000, {400}),
        (b"application/json", b'{"url":"' + b"x" * 1_000_000 + b'"}', {413}),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_row_18_bodies_that_are_not_what_was_asked_for(
    service: Service, path: str, media_type: bytes, body: bytes, statuses: set[int]
) -> None:
    answer = ask(service, "POST", path, b"Content-Type: " + media_type, body=body)

    assert answer.status in statuses
    assert answer.json["code"]


def test_row_18_a_body_in_chunks(service: Service) -> None:
    def chunked(body: bytes) -> Answer:
        return ask(
            service,
            "POST",
            "/api/",
            b"Content-Type: application/json",
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0" % (len(body), body),
        )

    assert chunked(b'{"url":"https://e.com/row-18"}').status == 201
    for body in (b'{"url":"' + b"x" * 300_000 + b'"}', b'{"url":"e.com/x"}' + b" " * 300_000):
        assert chunked(body).json["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("chunks", [b"ZZ\r\n", b"-1\r\n", b"2\r\n{}XX0\r\n", b"5\r\n{}"])
def test_row_18_chunks_that_are_none(service: Service, chunks: bytes) -> None:
    answer = ask(service, "POST", "/api/", b"Transfer-Encoding: chunked\r\n\r\n" + chunks)

    assert answer.status == 400
    assert answer.json["code"]


def test_row_18_an_unread_body_does_not_keep_the_worker(service: Service) -> None:
    body = b"x" * 300_000
    head = (
        f"POST /api/ HTTP/1.1\r\nHost: {LOOPBACK}:{service.port}\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection((LOOPBACK, service.port), timeout=WAIT) as wire:
        wire.sendall(head + body)
        assert b" 415 " in wire.recv(65_536)

        assert ask(service, "GET", "/healthz").status == 200


def test_row_18_clients_who_stop_in_the_middle_do_not_take_the_threads(service: Service) -> None:
    halves = [b"GET /healthz HT", b"POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"]
    with contextlib.ExitStack() as stack:
        for number in range(4):
            wire = socket.create_connection((LOOPBACK, service.port), timeout=WAIT)
            stack.enter_context(wire).sendall(halves[number % 2])

        # These are all threads there are; each waits ten seconds for the rest of its request.
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                assert ask(service, "GET", "/healthz").status == 200
                return
        pytest.fail("the service hangs")


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET",
        b"GET /",
        b"GET / HTTP/9.9",
        b"\x16\x03\x01\x02\x00",
        b"GET  /  HTTP/1.1",
        b"G\x00T / HTTP/1.1",
    ],
)
def test_row_18_what_is_no_http_gets_json_too(service: Service, request_line: bytes) -> None:
    answer = exchange(service, request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert 400 <= answer.status < 506
    assert answer.json["code"]


def test_row_18_a_path_longer_than_a_line(service: Service) -> None:
    answer = ask(service, "GET", "/" + "x" * 70_000)

    assert answer.status in {400, 414}
    assert answer.json["code"]
