"""`POST /api/login`."""

import time
from typing import Any

import bcrypt
import jwt
import pytest
from flask.testing import FlaskClient

from tests.harness.servers import Database
from tests.routes.conftest import SECRET


def sign_up(client: FlaskClient, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post("/api/signup", json=body)
    return answer.status_code, answer.get_json()


def log_in(client: FlaskClient, email: str, password: str = "secret1") -> tuple[int, Any]:
    answer = client.post("/api/login", json={"email": email, "password": password})
    return answer.status_code, answer.get_json()


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, SECRET, algorithms=["HS256"])


def old(token: str) -> str:
    return jwt.encode({**claims(token), "iat": 1, "nbf": 1, "exp": 2}, SECRET)


def test_logging_in_gives_a_token(client: FlaskClient, email: str) -> None:
    _, signed_up = sign_up(client, email=email, password="secret1")

    status, body = log_in(client, email)

    assert status == 200
    assert set(body) == {"token"}
    assert claims(body["token"])["user_id"] == signed_up["user"]["id"]


@pytest.mark.parametrize("spelling", [str.upper, str.title, " {} ".format])
def test_logging_in_with_another_spelling_of_the_address(
    client: FlaskClient, email: str, spelling: Any
) -> None:
    sign_up(client, email=email, password="secret1")

    assert log_in(client, spelling(email))[0] == 200


@pytest.mark.parametrize("address", ["a\u0301{}", "\uff21{}", "ж{}"])
def test_the_address_that_signed_up_logs_in(client: FlaskClient, email: str, address: str) -> None:
    written = address.format(email)
    status, _ = sign_up(client, email=written, password="secret1")

    assert (status, log_in(client, written)[0]) in {(201, 200), (400, 401)}


@pytest.mark.parametrize(
    "password", ["secret2", "Secret1", "secret1 ", "secret1\0", "x" * 5_000, "short"]
)
def test_a_wrong_password_is_refused(client: FlaskClient, email: str, password: str) -> None:
    sign_up(client, email=email, password="secret1")

    assert log_in(client, email, password) == (
        401,
        {"error": "Invalid email or password", "code": "INVALID_CREDENTIALS"},
    )


@pytest.mark.parametrize(
    "address", ["nobody@example.org", "nonsense", "a\0b@example.org", "x" * 900]
)
def test_an_unknown_address_gets_the_answer_of_a_wrong_password(
    client: FlaskClient, address: str
) -> None:
    assert log_in(client, address) == (
        401,
        {"error": "Invalid email or password", "code": "INVALID_CREDENTIALS"},
    )


def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    client: FlaskClient, email: str
) -> None:
    sign_up(client, email=email, password="secret1")

    def best(address: str) -> float:
        times = []
        for _ in range(7):
            begun = time.thread_time()
            log_in(client, address, "wrong-password")
            times.append(time.thread_time() - begun)
        return min(times)

    known, unknown = best(email), best("nobody@example.org")

    assert 0.7 < known / unknown < 1.4


def test_a_user_of_the_go_service_logs_in(
    client: FlaskClient, email: str, module_database: Database
) -> None:
    stored = bcrypt.hashpw(b"old password", bcrypt.gensalt(4, prefix=b"2a")).decode()
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO users (email, password_hash) VALUES (%s, %s)", (email, stored)
        )

    assert log_in(client, email, "old password")[0] == 200
    assert log_in(client, email, "old passwore")[0] == 401
