"""Errors: one shape, never HTML, never a stack or a driver's text."""

import json
import logging
from typing import NoReturn

import psycopg
import pytest
from flask.testing import FlaskClient

from app.storage.links import LinkTable
from local.ports import free_port
from tests.routes.conftest import MakeClient

DRIVER = 'connection to server at "10.1.2.3" failed: password=hunter2'


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/a/b", 404, "NOT_FOUND"),
        ("GET", "/api/a/b", 404, "NOT_FOUND"),
        ("POST", "/nowhere/at/all", 404, "NOT_FOUND"),
        ("DELETE", "/abcdef", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/abcdef", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/api/", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/abcdef", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/healthz", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/user/urls", 405, "METHOD_NOT_ALLOWED"),
        ("PROPFIND", "/abcdef", 405, "METHOD_NOT_ALLOWED"),
        ("TRACE", "/api/", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_flask_refuses_is_json(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.open(path, method=method, headers={"Accept": "text/html"})

    assert answer.status_code == status
    assert answer.get_json()["code"] == code
    assert set(answer.get_json()) <= {"error", "code", "details"}
    if status == 405:
        assert "GET" in answer.headers["Allow"] or "POST" in answer.headers["Allow"]


def raising(error: Exception) -> object:
    def method(*_: object) -> NoReturn:
        raise error

    return method


@pytest.mark.parametrize("path", ["/zzzzzy", "/api/zzzzzy"])
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(DRIVER),
        psycopg.ProgrammingError(DRIVER),
        UnicodeDecodeError("utf-8", b"", 0, 1, DRIVER),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_nobody_expected_is_a_500_that_tells_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str, error: Exception
) -> None:
    monkeypatch.setattr(LinkTable, "known", raising(error))

    answer = client.get(path, headers={"Accept": "application/json"})

    assert answer.status_code == 500
    assert answer.get_json() == {"error": "Internal server error", "code": "INTERNAL_ERROR"}


def test_what_nobody_expected_is_logged_once(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(LinkTable, "known", raising(RuntimeError("why")))

    client.get("/zzzzzy")

    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in errors] == ["Unexpected error"]


def test_a_browser_gets_a_500_as_a_page_that_tells_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinkTable, "known", raising(RuntimeError(DRIVER)))

    answer = client.get("/zzzzzy", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert b"hunter2" not in answer.data


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/", {"url": "https://e.com/away"}),
        ("GET", "/zzzzzx", None),
        ("GET", "/api/zzzzzx", None),
        ("POST", "/api/signup", {"email": "a@example.org", "password": "secret1"}),
        ("POST", "/api/login", {"email": "a@example.org", "password": "secret1"}),
    ],
)
def test_without_postgresql_the_answer_is_503(
    make_client: MakeClient, method: str, path: str, body: object
) -> None:
    client = make_client(POSTGRES_PORT=str(free_port()))

    answer = client.open(path, method=method, json=body)

    assert answer.status_code == 503
    assert answer.get_json() == {"error": "Database error", "code": "DB_ERROR"}
    assert int(answer.headers["Retry-After"]) >= 1


def test_without_postgresql_a_link_that_redis_knows_resolves(
    make_client: MakeClient, code: str, target: str
) -> None:
    client = make_client(POSTGRES_PORT=str(free_port()))

    assert client.get(f"/{code}").headers["Location"] == target
    assert client.get(f"/api/{code}").headers["Cache-Hit"] == "true"


def test_without_redis_everything_works(make_client: MakeClient, target: str) -> None:
    client = make_client(REDIS_ADDR=f"127.0.0.1:{free_port()}")

    created = client.post("/api/", json={"url": target})

    assert created.status_code == 201
    assert client.get(f"/{created.get_json()['short_code']}").status_code == 302


def test_no_driver_speaks_in_the_log(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(
        POSTGRES_PORT=str(free_port()),
        POSTGRES_PASSWORD="hunter2",
        REDIS_ADDR=f"127.0.0.1:{free_port()}",
        REDIS_PASSWORD="hunter3",
    )
    with caplog.at_level(logging.DEBUG, logger="app"):
        client.post("/api/", json={"url": "https://e.com"})
        client.get("/zzzzzw")

    written = json.dumps([record.getMessage() for record in caplog.records])
    assert "PostgreSQL is away" in written
    assert "Redis is away" in written
    for spoken in ("hunter", "psycopg", "libpq", "connection to server", "Error 111"):
        assert spoken not in written
