"""What other shorteners get wrong: each row that concerns this service, sent byte by byte.

Rows 14 (a clash of codes) and 22 to 26 need the inside or features of other services: see
`tests/routes`, `tests/storage`, and the tests of telemetry.
"""

import contextlib
import json
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.ports import LOOPBACK
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

WAIT = 10.0


@pytest.fixture(scope="module")
def service(module_database: Database, shared_valkey: Valkey) -> Iterator[Service]:
    """Run one service for the tests of this file; afterwards it must not have spoken of a fault."""
    environment = {**module_database.environment, **shared_valkey.environment()}
    with Service({**environment, "PUBLIC_BASE_URL": "https://s.example"}) as service:
        yield service
        assert "Traceback" not in service.stdout + service.stderr


@dataclass(frozen=True)
class Answer:
    """One HTTP answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be declared to be JSON."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


def exchange(service: Service, sent: bytes) -> Answer:
    """Send bytes on a connection of their own and read the one answer."""
    with socket.create_connection((LOOPBACK, service.port), timeout=WAIT) as wire:
        wire.sendall(sent)
        # A server that refused a body early may have closed already; its answer is still there.
        with contextlib.suppress(OSError):
            wire.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := wire.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value for name, _, value in (field.partition(": ") for field in fields)
    }
    return Answer(int(status.split(" ")[1]), headers, body)


def ask(
    service: Service, method: str, path: bytes | str, *headers: bytes, body: bytes | None = None
) -> Answer:
    """Send one request, the path as it is."""
    target = path if isinstance(path, bytes) else path.encode()
    lines = [
        method.encode() + b" " + target + b" HTTP/1.1",
        f"Host: {LOOPBACK}:{service.port}".encode(),
        b"Connection: close",
        *headers,
    ]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return exchange(service, b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""))


def create(service: Service, url: str | bytes) -> Answer:
    """Create a link; bytes are the JSON text between the quotes."""
    text = url if isinstance(url, bytes) else json.dumps(url)[1:-1].encode()
    body = b'{"url":"' + text + b'"}'
    return ask(service, "POST", "/api/", b"Content-Type: application/json", body=body)


def location(service: Service, url: str) -> str:
    """Create a link and return where it leads."""
    created = create(service, url)
    assert created.status in {200, 201}, created
    answer = ask(service, "GET", f"/{created.json['short_code']}")
    assert answer.status == 302
    return answer.headers["location"]


@pytest.mark.parametrize("prefix", [b"/", b"/api/", b"/api/user/", b"/a/b/"])
@pytest.mark.parametrize(
    "path",
    [b"%C0", b"%00", b"%ED%A0%80", b"%", b"%zz", b"%FF%FE", b"\xc0", b"\xff", b"%0D%0A"],
)
def test_row_1_bytes_that_are_no_text_in_the_path(
    service: Service, prefix: bytes, path: bytes
) -> None:
    answer = ask(service, "GET", prefix + path)

    assert answer.status in {400, 404}
    assert answer.json["code"] in {"INVALID_SHORT_URL", "NOT_FOUND", "URL_NOT_FOUND", "BAD_REQUEST"}


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


def test_row_3_a_path_beyond_latin_1(service: Service) -> None:
    assert location(service, "https://e.com/日本") == "https://e.com/%E6%97%A5%E6%9C%AC"


def test_row_4_an_international_host(service: Service) -> None:
    assert location(service, "http://президент.рф/") == "http://xn--d1abbgf6aiiy.xn--p1ai/"


@pytest.mark.parametrize(
    "url", ["https://e.com/?abc#123", "https://e.com/?b&a#?/", "https://e.com#"]
)
def test_row_5_query_and_fragment_stay(service: Service, url: str) -> None:
    assert location(service, url) == url


@pytest.mark.parametrize("query", ["?5=x", "?a=%2B", "?q=%27%25x%25%27", "?a=+&a=%20&&", "?%e9"])
def test_row_6_encodings_stay(service: Service, query: str) -> None:
    assert location(service, f"https://e.com/{query}") == f"https://e.com/{query}"


@pytest.mark.parametrize(
    "url", ["http://e.com:7/", "https://[2001:db8::1]/", "http://[::1.2.3.4]:7"]
)
def test_row_7_ports_and_ipv6(service: Service, url: str) -> None:
    assert location(service, url) == url


def test_row_8_a_target_without_scheme_is_no_relative_redirect(service: Service) -> None:
    assert location(service, "row-8.com/x") == "https://row-8.com/x"


def test_row_8_nor_is_one_that_an_earlier_service_stored(
    service: Service, module_database: Database
) -> None:
    with module_database.connect() as connection:
        connection.execute("INSERT INTO urls (id, original_url) VALUES ('oldOld', 'old.com/x y')")

    answer = ask(service, "GET", "/oldOld")

    assert (answer.status, answer.headers["location"]) == (302, "https://old.com/x%20y")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "ftp://e.com", "JAVASCRIPT://e.com/%0a"]
)
def test_row_9_schemes_that_are_not_the_webs(service: Service, url: str) -> None:
    answer = create(service, url)

    assert (answer.status, answer.json["code"]) == (400, "INVALID_URL")


@pytest.mark.parametrize(
    "url",
    [
        "https://g.com/\rX-Test: 1",
        "https://g.com/\r\n\r\n<script>",
        "https://g.com/\n",
        "\thttps://g.com",
    ],
)
def test_row_10_no_header_can_be_injected_by_a_new_link(service: Service, url: str) -> None:
    answer = create(service, url)

    assert (answer.status, answer.json["code"]) == (400, "INVALID_URL")


def test_row_10_nor_by_one_that_an_earlier_service_stored(
    service: Service, module_database: Database
) -> None:
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO urls (id, original_url) VALUES ('injEct', %s)",
            ("https://g.com/\r\nX-Test: 1",),
        )

    answer = ask(service, "GET", "/injEct")

    assert answer.headers["location"] == "https://g.com/%0D%0AX-Test:%201"
    assert "x-test" not in answer.headers


def test_row_11_a_target_longer_than_an_index_takes(service: Service) -> None:
    # Random, so that no compression saves a B-tree.
    url = "https://e.com/" + "".join(uuid.uuid4().hex for _ in range(250))

    assert location(service, url) == url


def test_row_11_a_target_over_the_limit(service: Service) -> None:
    answer = create(service, "https://e.com/" + "x" * 8_200)

    assert (answer.status, answer.json["code"]) == (400, "INVALID_URL")


def test_row_12_a_double_click_makes_one_link(service: Service) -> None:
    url = f"https://e.com/{uuid.uuid4()}"

    first, second = create(service, url), create(service, url)

    assert (first.status, second.status) == (201, 200)
    assert first.json["short_code"] == second.json["short_code"]


@pytest.mark.parametrize(
    "code", ["🙂", "日本語日本語", "abc#de", "abc/de", "API", "HealthZ", "LOGIN"]
)
def test_row_15_codes_that_cannot_be_reached(service: Service, code: str) -> None:
    answer = ask(service, "GET", b"/" + code.encode())

    assert answer.status in {400, 404}
    # gunicorn takes no path beyond ASCII: browsers percent-encode it.
    assert answer.json["code"] in {"INVALID_SHORT_URL", "NOT_FOUND", "URL_NOT_FOUND", "BAD_REQUEST"}


def test_row_16_a_slash_behind_a_code(service: Service) -> None:
    code = create(service, "https://e.com/row-16").json["short_code"]

    for path in (f"/{code}", f"/{code}/", f"/{code}?", f"/{code}/?x=1"):
        assert ask(service, "GET", path).headers["location"] == "https://e.com/row-16"


def test_row_16_codes_that_differ_in_case(service: Service, module_database: Database) -> None:
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO urls (id, original_url) VALUES ('cAsEcA', 'https://a.com'),"
            " ('CaSeCa', 'https://b.com')"
        )

    found = [ask(service, "GET", path).headers["location"] for path in ("/cAsEcA", "/CaSeCa")]

    assert found == ["https://a.com", "https://b.com"]


@pytest.mark.parametrize("path", ["/{}", "/api/{}", "/healthz", "/api/health", "/metrics"])
def test_row_17_head(service: Service, path: str) -> None:
    code = create(service, "https://e.com/row-17").json["short_code"]

    answer = ask(service, "HEAD", path.format(code))

    assert answer.status in {200, 302}
    assert answer.body == b""


@pytest.mark.parametrize("path", ["/zzzzzz", "/abc", "/no/where", "/api/user/urls"])
def test_row_17_head_of_an_error_has_no_body(service: Service, path: str) -> None:
    answer = ask(service, "HEAD", path)

    assert 400 <= answer.status < 500
    assert answer.body == b""


@pytest.mark.parametrize("method", ["HEAD", "GET", "POST"])
@pytest.mark.parametrize("second", [b"0", b"5", b"-1", b"x"])
def test_row_17_two_content_lengths(service: Service, method: str, second: bytes) -> None:
    answer = ask(service, method, "/api/", b"Content-Length: 0", b"Content-Length: " + second)

    assert answer.status == 400
    if method != "HEAD":
        assert answer.json["code"]


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


@pytest.mark.parametrize("path", ["/api/", "/no/where", "/%C0", "/abcdef", "/api/user/urls"])
def test_row_19_a_preflight_on_any_path(service: Service, path: str) -> None:
    origin = b"Origin: https://fonsecaaso.com"

    answer = ask(service, "OPTIONS", path, origin, b"Access-Control-Request-Method: POST")

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"]


@pytest.mark.parametrize("path", ["/no/where", "/zzzzzz", "/abc", "/api/user/urls"])
def test_row_19_cors_on_errors(service: Service, path: str) -> None:
    answer = ask(service, "GET", path, b"Origin: https://fonsecaaso.com")

    assert answer.status >= 400
    assert answer.headers["access-control-allow-origin"]


@pytest.mark.parametrize(
    "url",
    [
        "https://s.example/abcdef",
        "S.EXAMPLE./x",
        "http://s.example:80/",
        "https://s.example:00443/",
        "http://s%2Eexample/",
        "https://x@s.example/",
        "http://127.0.0.1:{port}/abcdef",
        "http://127.1:{port}/abcdef",
        "http://0x7f.0.0.1:{port}/",
        "http://127.0.0.1:0{port}/",
    ],
)
def test_row_20_a_link_to_ourselves(service: Service, url: str) -> None:
    answer = create(service, url.format(port=service.port))

    assert (answer.status, answer.json["code"]) == (400, "INVALID_URL")


def test_row_21_the_clients_address_is_what_our_proxy_added(
    module_database: Database, shared_valkey: Valkey
) -> None:
    environment = {**module_database.environment, **shared_valkey.environment()}
    limits = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_RESOLVE": "1/hour", "TRUSTED_PROXIES": "1"}
    with Service({**environment, **limits}) as service:

        def status(*hops: bytes) -> int:
            headers = [b"X-Forwarded-For: " + hop for hop in hops]
            return ask(service, "GET", "/zzzzzz", *headers).status

        assert status(b"203.0.113.7") == 404
        assert status(b"203.0.113.8") == 404
        # Forged hops in front, also in a header of their own, change nothing.
        assert status(b"1.1.1.1, 203.0.113.7") == 429
        assert status(b"1.1.1.1", b"203.0.113.7") == 429
        assert status(b"unknown, \xff, 203.0.113.7") == 429
        assert status(b"203.0.113.7, 203.0.113.9") == 404


def test_row_23_health_after_the_server_closed_idle_connections(
    service: Service, module_database: Database
) -> None:
    assert ask(service, "GET", "/api/health").status == 200
    with module_database.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    answer = ask(service, "GET", "/api/health")

    assert (answer.status, answer.json["postgres"]) == (200, True)


def test_row_23_requests_after_the_server_closed_idle_connections(
    service: Service, module_database: Database
) -> None:
    assert create(service, f"https://e.com/{uuid.uuid4()}").status == 201
    with module_database.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    assert create(service, f"https://e.com/{uuid.uuid4()}").status == 201
