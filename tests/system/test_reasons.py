"""Why a request was refused stands in its own log line; the client is told no more than before."""

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from tests.conftest import StartService
from tests.harness.servers import Database
from tests.harness.service import DEFAULTS, Service

SECRET = DEFAULTS["JWT_SECRET"]
USER = "6a7c5b1e-2f43-4f0e-9f57-0d6a3c1f2b4d"


@pytest.fixture(scope="module")
def service(module_database: Database) -> Iterator[Service]:
    """Start the service that this file's tests share."""
    with Service(module_database.environment) as service:
        yield service


def token(secret: str = SECRET, **changes: int) -> str:
    now = int(time.time())
    claims = {"user_id": USER, "iat": now, "nbf": now, "exp": now + 86_400, **changes}
    return jwt.encode(claims, secret, algorithm="HS256")


def line_of(service: Service, answer: requests.Response) -> dict[str, Any]:
    """Return the line "Request completed" of an answer."""
    asked = answer.headers["X-Request-ID"]
    return service.await_record(
        lambda record: record["msg"] == "Request completed" and record["request_id"] == asked
    )


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "missing"),
        ("Bearer a.b.c", "malformed"),
        ("Basic YTpi", "malformed"),
        (f"Bearer {token(exp=2, nbf=1, iat=1)}", "expired"),
        (f"Bearer {token(nbf=2**33)}", "not_yet_valid"),
        (f"Bearer {token(secret='x' * 32)}", "signature"),
        (f"Bearer {token()}", "user_gone"),
    ],
    ids=["missing", "malformed", "basic", "expired", "not-yet-valid", "signature", "user-gone"],
)
def test_a_401_has_its_reason_and_never_the_token(
    service: Service, header: str | None, reason: str
) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = service.client.get(f"{service.url}/api/user/urls", headers=headers)
    line = line_of(service, answer)

    assert (line["status"], line["reason"]) == (401, reason)
    assert answer.json()["error"] in {"missing authorization header", "invalid or expired token"}
    assert set(answer.json()) == {"error", "code"}
    assert header is None or header.split()[1] not in str(line)


def test_wrong_credentials_have_theirs(service: Service) -> None:
    body = {"email": "nobody@example.org", "password": "secret1"}

    answer = service.client.post(f"{service.url}/api/login", json=body)

    assert line_of(service, answer)["reason"] == "credentials"


def test_a_429_names_the_limit(start_service: StartService, module_database: Database) -> None:
    limits = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT": "1/hour"}
    service = start_service({**module_database.environment, **limits})

    for _ in range(2):
        answer = service.client.post(f"{service.url}/api/", json={"url": "https://example.com"})

    assert answer.status_code == 429
    assert line_of(service, answer)["reason"] == "general"


def test_what_is_answered_well_has_none(service: Service) -> None:
    answer = service.client.post(f"{service.url}/api/", json={"url": "https://example.com"})

    assert not {"reason", "cause"} & set(line_of(service, answer))


def test_each_503_has_its_cause_and_the_cause_is_no_secret(
    start_service: StartService, own_database: Database
) -> None:
    service = start_service(own_database.environment)
    own_database.server.stop()

    answers = [
        service.client.post(f"{service.url}/api/", json={"url": f"https://example.com/{number}"})
        for number in range(5)
    ]
    lines = [line_of(service, answer) for answer in answers]

    assert [line["status"] for line in lines] == [503] * 5
    assert all(line["cause"] for line in lines)
    assert "the connection was refused" in {line["cause"] for line in lines}
    assert all(
        line["cause"] not in answer.text for line, answer in zip(lines, answers, strict=True)
    )
