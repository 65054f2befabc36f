"""`POST /api/signup`, `POST /api/login`, `GET /api/user/urls`."""

import time
import uuid
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from tests.routes.conftest import SECRET


def sign_up(client: FlaskClient, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post("/api/signup", json=body)
    return answer.status_code, answer.get_json()


def log_in(client: FlaskClient, email: str, password: str = "secret1") -> tuple[int, Any]:
    answer = client.post("/api/login", json={"email": email, "password": password})
    return answer.status_code, answer.get_json()


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, SECRET, algorithms=["HS256"])


def test_signing_up_without_a_username(client: FlaskClient, email: str) -> None:
    status, body = sign_up(client, email=email, password="secret1")

    user = body["user"]
    assert status == 201
    assert set(body) == {"message", "user", "token"}
    assert body["message"] == "User created successfully"
    assert set(user) == {"id", "username", "email", "created_at"}
    assert (user["username"], user["email"]) == (None, email)
    assert str(uuid.UUID(user["id"])) == user["id"]
    created = datetime.fromisoformat(user["created_at"])
    assert created.utcoffset() == timedelta(0)
    assert abs(created.timestamp() - time.time()) < 60


def test_the_token_of_a_signup_is_the_users(client: FlaskClient, email: str) -> None:
    _, body = sign_up(client, email=email, password="secret1")

    assert claims(body["token"])["user_id"] == body["user"]["id"]


@pytest.mark.parametrize("username", ["abc", "x" * 64, "Ада Лавлейс", "ada_1@home"])
def test_usernames_that_are_taken_as_given(client: FlaskClient, email: str, username: str) -> None:
    _, body = sign_up(client, email=email, password="secret1", username=username)

    assert body["user"]["username"] == username


@pytest.mark.parametrize("username", [None, "", "   "])
def test_a_blank_username_is_none(client: FlaskClient, email: str, username: str | None) -> None:
    _, body = sign_up(client, email=email, password="secret1", username=username)

    assert body["user"]["username"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"email": ""},
        {"email": "nobody"},
        {"email": "a@"},
        {"email": "a b@example.org"},
        {"email": "a@example.org\0"},
        {"email": "a@example.org\r\nBcc: b@example.org"},
        {"email": "x" * 250 + "@example.org"},
        {"email": None},
        {"email": 5},
        {"password": ""},
        {"password": "12345"},
        {"password": "x" * 129},
        {"password": None},
        {"password": 123456},
        {"username": "ab"},
        {"username": "x" * 65},
        {"username": "nul\0nul"},
        {"username": "line\nbreak"},
        {"username": 12345},
    ],
    ids=repr,
)
def test_signups_that_are_refused(client: FlaskClient, email: str, changes: dict[str, Any]) -> None:
    status, body = sign_up(client, **{"email": email, "password": "secret1", **changes})

    assert status == 400
    assert body["code"] == "INVALID_PAYLOAD"
    assert body["details"]
    assert body["error"] == f"Invalid request payload: {body['details']}"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"username": "ab"}, "a name has 3 to 64 characters"),
        ({"password": "12345"}, "a password has 6 to 128 characters"),
        ({"email": "nobody"}, "this is not a valid email address"),
    ],
)
def test_the_error_says_why_because_the_frontend_shows_nothing_else(
    client: FlaskClient, email: str, changes: dict[str, Any], reason: str
) -> None:
    _, body = sign_up(client, **{"email": email, "password": "secret1", **changes})

    assert body == {
        "error": f"Invalid request payload: {reason}",
        "code": "INVALID_PAYLOAD",
        "details": reason,
    }


@pytest.mark.parametrize("path", ["/api/signup", "/api/login"])
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"email":"\\ud800","password":"secret1"}', b"[" * 50_000, b"\xff"]
)
def test_bodies_that_are_not_the_object_asked_for(
    client: FlaskClient, path: str, body: bytes
) -> None:
    answer = client.post(path, data=body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.get_json()["code"] == "INVALID_PAYLOAD"


@pytest.mark.parametrize("password", ["123456", "x" * 128, "пароль", "🔑" * 128, "nul\0nul"])
def test_passwords_that_are_taken(client: FlaskClient, email: str, password: str) -> None:
    assert sign_up(client, email=email, password=password)[0] == 201
    assert log_in(client, email, password)[0] == 200
    assert log_in(client, email, password[:-1])[0] in {400, 401}


def test_a_taken_address_is_a_conflict_whatever_its_case(client: FlaskClient, email: str) -> None:
    sign_up(client, email=email, password="secret1")

    assert sign_up(client, email=email.upper(), password="secret2") == (
        409,
        {"error": "Email already registered", "code": "EMAIL_EXISTS"},
    )


def test_a_taken_username_is_a_conflict(client: FlaskClient, email: str) -> None:
    name = f"name-{email}"
    sign_up(client, email=email, password="secret1", username=name)

    assert sign_up(client, email=f"other-{email}", password="secret1", username=name) == (
        409,
        {"error": "Username already taken", "code": "USERNAME_EXISTS"},
    )


def test_after_a_refused_signup_the_address_is_still_free(client: FlaskClient, email: str) -> None:
    sign_up(client, email=f"first-{email}", password="secret1", username=f"name-{email}")
    sign_up(client, email=email, password="secret1", username=f"name-{email}")

    assert sign_up(client, email=email, password="secret1")[0] == 201


def test_answers_with_a_token_are_kept_by_no_cache(client: FlaskClient, email: str) -> None:
    credentials = {"email": email, "password": "secret1"}

    answers = [client.post(path, json=credentials) for path in ("/api/signup", "/api/login")]

    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store", "no-store"]
