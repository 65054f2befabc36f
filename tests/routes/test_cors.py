"""CORS, on every answer, for the origins that are allowed and no others."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import metrics
from app.storage.links import LinkTable
from local.ports import free_port
from tests.routes.conftest import Environment, MakeClient, application

OURS = "https://fonsecaaso.com"
PRODUCTION = {"ENV": "production", "POSTGRES_SSLMODE": "disable"}
EXPOSED = {
    "Content-Length",
    "X-Request-ID",
    "Cache-Hit",
    "Retry-After",
    "ETag",
    "Content-Disposition",
    "Upload-Offset",
    "X-Total-Links",
}
# Made with one origin: what CORS adds to each of them must not depend on the answer.
Ask = Callable[[FlaskClient, dict[str, str]], TestResponse]
ANSWERS: dict[int, Ask] = {
    200: lambda client, headers: client.get("/healthz", headers=headers),
    201: lambda client, headers: client.post(
        "/api/", json={"url": "https://e.com/cors"}, headers=headers
    ),
    400: lambda client, headers: client.post("/api/", json={"url": "x"}, headers=headers),
    401: lambda client, headers: client.get("/api/user/urls", headers=headers),
    404: lambda client, headers: client.get("/no/where", headers=headers),
    405: lambda client, headers: client.delete("/api/", headers=headers),
    413: lambda client, headers: client.post("/api/", json={"url": "x" * 200_000}, headers=headers),
    415: lambda client, headers: client.post(
        "/api/", data="x", headers=headers, content_type="a/b"
    ),
}


@pytest.fixture(scope="module")
def production_app(environment: Environment) -> Iterator[Flask]:
    """Make the service as production runs it."""
    with application({**environment, **PRODUCTION}) as app:
        yield app


@pytest.fixture
def production(production_app: Flask) -> FlaskClient:
    """Make a client of the service as production runs it."""
    return production_app.test_client()


def allowed(answer: TestResponse) -> str | None:
    return answer.headers.get("Access-Control-Allow-Origin")


def words(answer: TestResponse, header: str) -> set[str]:
    return {word.strip() for word in answer.headers.get(header, "").split(",")}


@pytest.mark.parametrize("status", ANSWERS)
def test_every_answer_has_the_headers(production: FlaskClient, status: int) -> None:
    answer = ANSWERS[status](production, {"Origin": OURS})

    assert answer.status_code in {status, 200 if status == 201 else status}
    assert allowed(answer) == OURS
    assert "Origin" in words(answer, "Vary")
    assert words(answer, "Access-Control-Expose-Headers") == EXPOSED


def test_a_429_has_the_headers(make_client: MakeClient) -> None:
    client = make_client(
        **PRODUCTION, RATE_LIMIT_ENABLED="true", RATE_LIMIT_RESOLVE="1/day", REDIS_ADDR=""
    )
    client.get("/zzzzzz")

    answer = client.get("/zzzzzz", headers={"Origin": OURS})

    assert (answer.status_code, allowed(answer)) == (429, OURS)


def test_a_500_has_the_headers(production: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinkTable, "known", None)

    answer = production.get("/api/zzzzzy", headers={"Origin": OURS})

    assert (answer.status_code, allowed(answer)) == (500, OURS)


def test_a_503_has_the_headers(make_client: MakeClient) -> None:
    client = make_client(**PRODUCTION, POSTGRES_PORT=str(free_port()))

    answer = client.get("/api/zzzzzx", headers={"Origin": OURS})

    assert (answer.status_code, allowed(answer)) == (503, OURS)


@pytest.mark.parametrize("status", ANSWERS)
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.com",
        "http://fonsecaaso.com",
        "https://fonsecaaso.com.evil.com",
        "https://evil-fonsecaaso.com",
        "https://fonsecaaso.com:444",
        "https://www.fonsecaaso.com",
        "https://fonsecaasoXcom",
        "https://fonsecaaso.com/",
        "null",
        "*",
        "",
    ],
)
def test_an_origin_that_is_not_allowed_gets_no_header(
    production: FlaskClient, status: int, origin: str
) -> None:
    answer = ANSWERS[status](production, {"Origin": origin})

    assert not [name for name in dict(answer.headers) if name.startswith("Access-Control")]


def test_without_an_origin_there_is_no_header(production: FlaskClient) -> None:
    assert allowed(production.get("/healthz")) is None


def test_a_cache_keeps_answers_apart_by_origin(production: FlaskClient) -> None:
    assert "Origin" in words(production.get("/healthz"), "Vary")


@pytest.mark.parametrize(
    "path", ["/api/", "/api", "/api/user/urls", "/abcdef", "/no/where", "/%C0"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_preflight_on_any_path(production: FlaskClient, path: str, method: str) -> None:
    answer = production.options(
        path,
        headers={
            "Origin": OURS,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-type, authorization",
        },
    )

    assert answer.status_code == 204
    assert answer.data == b""
    assert allowed(answer) == OURS
    assert words(answer, "Access-Control-Allow-Methods") == {
        "GET",
        "POST",
        "PATCH",
        "DELETE",
        "OPTIONS",
    }
    assert {word.lower() for word in words(answer, "Access-Control-Allow-Headers")} == {
        "content-type",
        "authorization",
    }
    assert answer.headers["Access-Control-Max-Age"] == "43200"


@pytest.mark.parametrize(
    "header", ["Content-Type", "Authorization", "X-Request-ID", "Origin", "Accept"]
)
def test_a_header_that_may_be_sent(production: FlaskClient, header: str) -> None:
    answer = production.options(
        "/api/",
        headers={
            "Origin": OURS,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": header,
        },
    )

    assert words(answer, "Access-Control-Allow-Headers") == {header}


def test_a_header_that_may_not_be_sent(production: FlaskClient) -> None:
    answer = production.options(
        "/api/",
        headers={
            "Origin": OURS,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "X-Secret",
        },
    )

    assert "X-Secret" not in answer.headers.get("Access-Control-Allow-Headers", "")


def test_a_preflight_of_another_origin_gets_no_header(production: FlaskClient) -> None:
    answer = production.options(
        "/api/", headers={"Origin": "https://evil.com", "Access-Control-Request-Method": "POST"}
    )

    assert not [name for name in dict(answer.headers) if name.startswith("Access-Control")]


def test_a_preflight_is_never_limited(make_client: MakeClient) -> None:
    client = make_client(
        RATE_LIMIT_ENABLED="true",
        RATE_LIMIT="1/day",
        RATE_LIMIT_AUTH="1/day",
        RATE_LIMIT_RESOLVE="1/day",
        REDIS_ADDR="",
    )
    headers = {"Origin": OURS, "Access-Control-Request-Method": "POST"}

    for path in ("/api/", "/api/signup", "/abcdef"):
        statuses = [client.options(path, headers=headers).status_code for _ in range(4)]
        assert statuses == [204] * 4
    assert client.post("/api/", json={"url": "https://e.com/preflight"}).status_code == 201


def test_on_a_developers_machine_any_origin_is_allowed(client: FlaskClient) -> None:
    for origin in ("http://localhost:3000", "https://anything.example", "null"):
        assert allowed(client.get("/healthz", headers={"Origin": origin})) in {origin, "*"}


@pytest.mark.parametrize("env", ["local", "production"])
def test_the_setting_overrides_both(make_client: MakeClient, env: str) -> None:
    client = make_client(
        ENV=env,
        POSTGRES_SSLMODE="disable",
        CORS_ALLOWED_ORIGINS="https://a.example, http://[::1]:3000, https://b.example:8443/",
    )

    def answer(origin: str) -> str | None:
        return allowed(client.get("/healthz", headers={"Origin": origin}))

    for origin in ("https://a.example", "http://[::1]:3000", "https://b.example:8443"):
        assert answer(origin) == origin
    for origin in (OURS, "http://localhost:3000", "http://::3000", "https://aXexample"):
        assert answer(origin) is None


def test_credentials_are_never_allowed(client: FlaskClient) -> None:
    answer = client.get("/healthz", headers={"Origin": OURS})

    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(("origin", "outcome"), [(OURS, True), ("https://evil.example", False)])
def test_preflights_are_counted_by_what_browsers_are_told(
    production: FlaskClient, monkeypatch: pytest.MonkeyPatch, origin: str, outcome: bool
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(metrics, "record_preflight", lambda *, allowed: told.append(allowed))
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    production.options("/api/", headers=headers)
    production.options("/api/", headers={"Origin": origin})
    production.get("/healthz", headers=headers)

    assert told == [outcome]
