"""What other shorteners get wrong: each row that concerns this service, sent byte by byte.

Rows 14 (a clash of codes) and 22 to 26 need the inside or features of other services: see
`tests/routes`, `tests/storage`, and the tests of telemetry.
"""

import uuid
from collections.abc import Iterator

import pytest

from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.system.wire import ask, create


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    """Run one service for the tests of this file; afterwards it must not have spoken of a fault."""
    environment = {**module_database.environment, **module_valkey.environment()}
    with Service({**environment, "PUBLIC_BASE_URL": "https://s.example"}) as service:
        yield service
        assert "Traceback" not in service.stdout + service.stderr


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


def test_row_21_the_clients_address_is_what_our_proxy_added(
    module_database: Database, module_valkey: Valkey
) -> None:
    environment = {**module_database.environment, **module_valkey.environment()}
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
