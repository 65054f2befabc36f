"""`POST /api/signup`, `POST /api/login`, `GET /api/user/urls`."""

import time
import uuid
from datetime import datetime, timedelta
from typing import Any

import bcrypt
import jwt
import pytest
from flask.testing import FlaskClient

from app.tokens import Tokens
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
    assert (body["code"], body["error"]) == ("INVALID_PAYLOAD", "Invalid request payload")
    assert body["details"]


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


def test_answers_with_a_token_are_kept_by_no_cache(client: FlaskClient, email: str) -> None:
    credentials = {"email": email, "password": "secret1"}

    answers = [client.post(path, json=credentials) for path in ("/api/signup", "/api/login")]

    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store", "no-store"]


def test_without_links_the_list_is_empty_and_never_null(
    client: FlaskClient, bearer: dict[str, str]
) -> None:
    answer = client.get("/api/user/urls", headers=bearer)

    assert answer.status_code == 200
    assert answer.data == b'{"message":"User URLs retrieved successfully","urls":[]}'


def test_ones_own_links_are_listed_newest_first(
    client: FlaskClient, bearer: dict[str, str], target: str
) -> None:
    codes = [
        client.post("/api/", json={"url": f"{target}/{name}"}, headers=bearer).get_json()[
            "short_code"
        ]
        for name in ("old", "new")
    ]
    client.post("/api/", json={"url": f"{target}/anonymous"})

    answer = client.get("/api/user/urls", headers=bearer)
    urls = answer.get_json()["urls"]

    assert [url["id"] for url in urls] == codes[::-1]
    assert [url["url"] for url in urls] == [f"{target}/new", f"{target}/old"]
    assert all(set(url) == {"id", "url", "created_at"} for url in urls)
    created = datetime.fromisoformat(urls[0]["created_at"])
    assert created.utcoffset() == timedelta(0)
    assert abs(created.timestamp() - time.time()) < 60
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("header", [None, "", " "])
def test_the_list_needs_a_token(client: FlaskClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = client.get("/api/user/urls", headers=headers)

    assert answer.status_code == 401
    assert answer.get_json() == {"error": "missing authorization header", "code": "MISSING_TOKEN"}


def old(token: str) -> str:
    return jwt.encode({**claims(token), "iat": 1, "nbf": 1, "exp": 2}, SECRET)


@pytest.mark.parametrize("change", [old, str.swapcase, "x{}".format, lambda _: "nonsense"])
def test_the_list_refuses_bad_tokens(
    client: FlaskClient, bearer: dict[str, str], change: Any
) -> None:
    token = change(bearer["Authorization"].removeprefix("Bearer "))

    answer = client.get("/api/user/urls", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401
    assert answer.get_json() == {"error": "invalid or expired token", "code": "INVALID_TOKEN"}


def test_the_list_refuses_the_token_of_a_user_who_is_gone(
    client: FlaskClient, email: str, bearer: dict[str, str], module_database: Database
) -> None:
    with module_database.connect() as connection:
        connection.execute("DELETE FROM users WHERE email = %s", (email,))

    assert client.get("/api/user/urls", headers=bearer).get_json()["code"] == "INVALID_TOKEN"


def test_a_user_who_left_can_do_nothing(
    client: FlaskClient, email: str, bearer: dict[str, str], module_database: Database, target: str
) -> None:
    with module_database.connect() as connection:
        connection.execute("UPDATE users SET deleted_at = now() WHERE email = %s", (email,))

    create = client.post("/api/", json={"url": target}, headers=bearer)
    listed = client.get("/api/user/urls", headers=bearer)

    assert [create.status_code, listed.status_code, log_in(client, email)[0]] == [401, 401, 401]


def test_a_token_of_another_secret_is_refused(client: FlaskClient) -> None:
    token = Tokens("x" * 32).issue(uuid.uuid4())

    answer = client.get("/api/user/urls", headers={"Authorization": f"Bearer {token}"})

    assert answer.get_json()["code"] == "INVALID_TOKEN"
