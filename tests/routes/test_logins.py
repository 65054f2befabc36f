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


def add_user_of_the_go_service(
    database: Database, address: str, password: str = "old password", *, ambiguous: bool = False
) -> None:
    stored = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode()
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO users (email, password_hash, email_ambiguous) VALUES (%s, %s, %s)",
            (address, stored, ambiguous),
        )


# What its check of addresses let in, and ours stores otherwise or not at all.
ODD = [
    "{}@example.org",
    "{}@xn--bcher-kva.example",
    "{}@bücher.example",
    "{}@Example.ORG",
    "e\u0301{}@example.org",
    "{}@bu\u0308cher.example",
    " {}@example.org ",
    "{}@example.org\n",
    "\u00a0{}@example.org",
    "{}..dots@example.org",
    "{}@localhost",
    "{}@-example.org",
    "x" * 300 + "{}@example.org",
]


@pytest.mark.parametrize("address", ODD)
def test_a_user_of_the_go_service_logs_in(
    client: FlaskClient, email: str, module_database: Database, address: str
) -> None:
    typed = address.format(email.partition("@")[0])
    add_user_of_the_go_service(module_database, typed)

    assert log_in(client, typed, "old password")[0] == 200
    assert log_in(client, typed, "old passwore")[0] == 401


def test_of_two_that_differ_in_the_case_of_the_domain_each_logs_in(
    client: FlaskClient, email: str, module_database: Database
) -> None:
    name = email.partition("@")[0]
    add_user_of_the_go_service(module_database, f"{name}@example.org", "the first one")
    add_user_of_the_go_service(
        module_database, f"{name}@Example.ORG", "the second one", ambiguous=True
    )

    assert log_in(client, f"{name}@example.org", "the first one")[0] == 200
    assert log_in(client, f"{name}@Example.ORG", "the second one")[0] == 200
    assert log_in(client, f"{name}@Example.ORG", "the first one")[0] == 401


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("{}@xn--bcher-kva.example", "{}@bücher.example"),
        ("{}@bücher.example", "{}@xn--bcher-kva.example"),
        ("{}@Example.ORG", "{}@example.org"),
        (" {}@example.org", " {}@example.org"),
    ],
)
def test_no_second_account_is_made_for_an_address_in_another_spelling(
    client: FlaskClient, email: str, module_database: Database, theirs: str, ours: str
) -> None:
    name = email.partition("@")[0]
    add_user_of_the_go_service(module_database, theirs.format(name))

    status, body = sign_up(client, email=ours.format(name), password="secret1")

    assert (status, body["code"]) == (409, "EMAIL_EXISTS")


def test_an_old_account_in_punycode_is_found_by_the_name_people_write(
    client: FlaskClient, email: str, module_database: Database
) -> None:
    name = email.partition("@")[0]
    add_user_of_the_go_service(module_database, f"{name}@xn--bcher-kva.example")

    assert log_in(client, f"{name}@bücher.example", "old password")[0] == 200
