"""`GET /api/user/urls`."""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from app.tokens import Tokens
from tests.harness.servers import Database
from tests.routes.conftest import SECRET


@dataclass(frozen=True)
class Owner:
    """Somebody with an account."""

    client: FlaskClient
    email: str
    headers: dict[str, str]

    def list(self) -> Any:
        """Ask for their links."""
        return self.client.get("/api/user/urls", headers=self.headers)


@pytest.fixture
def owner(client: FlaskClient, email: str, bearer: dict[str, str]) -> Owner:
    """Sign somebody up."""
    return Owner(client, email, bearer)


def log_in(client: FlaskClient, email: str, password: str = "secret1") -> tuple[int, Any]:
    answer = client.post("/api/login", json={"email": email, "password": password})
    return answer.status_code, answer.get_json()


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, SECRET, algorithms=["HS256"])


def old(token: str) -> str:
    return jwt.encode({**claims(token), "iat": 1, "nbf": 1, "exp": 2}, SECRET)


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


def _fill(database: Database, email: str, count: int, target: str) -> None:
    """Give somebody links; `target` is SQL for what follows the host and a number."""
    statement = (
        "INSERT INTO urls (id, original_url, user_id, created_at)"
        f" SELECT left(md5('{email}'), 3) || to_hex(n), 'https://e.com/' || n || {target},"
        " users.id, '2026-01-01'::timestamp - n * interval '1 second'"
        " FROM generate_series(1, %s) AS n, users WHERE email = %s"
    )
    with database.connect() as connection:
        connection.execute(statement.encode(), (count, email))


@pytest.mark.parametrize(
    ("date", "shown"),
    [
        ("infinity", "9999-12-31T23:59:59.999999Z"),
        ("-infinity", "0001-01-01T00:00:00Z"),
        ("0044-03-15 BC", "0001-01-01T00:00:00Z"),
        ("12026-11-27", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_date_that_nobody_can_write_takes_no_other_link_with_it(
    owner: Owner, module_database: Database, date: str, shown: str
) -> None:
    _fill(module_database, owner.email, 2, "''")
    with module_database.connect() as connection:
        statement = "UPDATE urls SET created_at = %s WHERE id = left(md5(%s), 3) || 2"
        connection.execute(statement, (date, owner.email))

    answer = owner.list()

    dates = {url["url"]: url["created_at"] for url in answer.get_json()["urls"]}
    assert answer.status_code == 200
    assert dates == {"https://e.com/1": "2025-12-31T23:59:59Z", "https://e.com/2": shown}


def test_a_list_that_is_whole_says_nothing_new(owner: Owner, module_database: Database) -> None:
    _fill(module_database, owner.email, 10_000, "repeat('x', 100)")

    body = owner.list().get_json()

    assert set(body) == {"message", "urls"}
    assert len(body["urls"]) == 10_000


@pytest.mark.parametrize(
    ("count", "target"),
    [
        (10_001, "''"),
        (1_000, "repeat('x', 8000)"),
        # Six bytes of JSON for one of the database.
        (1_000, "repeat(chr(1), 4000)"),
    ],
    ids=["many", "long", "control-characters"],
)
def test_a_list_that_was_cut_says_so_and_is_bounded(
    owner: Owner, module_database: Database, count: int, target: str
) -> None:
    _fill(module_database, owner.email, count, target)

    answer = owner.list()
    body = answer.get_json()

    assert body["truncated"] is True
    assert 0 < len(body["urls"]) < count
    assert body["urls"][0]["url"].startswith("https://e.com/1")
    assert len(answer.data) <= 2 * 1024 * 1024
