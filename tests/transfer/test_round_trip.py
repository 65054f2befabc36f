"""What is exported and imported into an empty service is what it was, row by row."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.harness.servers import Database, Databases
from tests.routes.conftest import application
from tests.transfer.uploading import Headers, export, upload

_URLS = """
    SELECT id, original_url, target_digest, created_at, title, starts_at, expires_at, max_visits,
        used_visits, exhausted_at, redirect_status, forward_query, rules::text, disabled_at,
        deleted_at, changed_at,
        ARRAY(SELECT name FROM unnest(tag_ids) WITH ORDINALITY AS given (id, place)
            JOIN tags USING (id) ORDER BY place)
    FROM urls WHERE user_id IS NOT NULL ORDER BY id
"""
_COUNTS = "SELECT code, visits, visitors, bots, last_visit_at FROM link_counts ORDER BY code"
_TAGS = "SELECT key, name, links FROM tags WHERE links > 0 ORDER BY key"
_TAGGED = (
    "SELECT key, code FROM link_tags JOIN tags ON tags.id = tag_id"
    " WHERE links > 0 ORDER BY key, code"
)


def rows(database: Database) -> list[list[Any]]:
    """Return everything that is to come back."""
    with database.connect() as connection:
        return [
            connection.execute(statement.encode()).fetchall()
            for statement in (_URLS, _COUNTS, _TAGS, _TAGGED)
        ]


def sums(database: Database) -> list[Any]:
    """Return how many rows of each kind there are, and the sum of their hashes."""
    with database.connect() as connection:
        return [
            connection.execute(
                "SELECT count(*), sum(hashtextextended(each::text, 0)::numeric)"
                f" FROM ({statement}) AS each".encode()
            ).fetchone()
            for statement in (_URLS, _COUNTS, _TAGS, _TAGGED)
        ]


LINKS: list[dict[str, Any]] = [
    {},
    {"title": "=SUM(A1:A9)"},
    {"title": "'=already quoted", "tags": ["-dash", "a,b", 'quo"te', "[x]"]},
    {"title": "line one\u2028line two — ünï 😀", "tags": ["Ünï"]},
    {"alias": "-dashed_Alias"},
    {"alias": "spring", "expires_at": "2030-01-01T00:00:00.123456-03:00", "tags": ["a"]},
    {"starts_at": "2030-01-01T00:00:00Z", "expires_at": "2031-01-01T00:00:00Z"},
    {"max_visits": 3, "redirect_status": 307, "forward_query": False},
    {
        "forward_query": True,
        "rules": [
            {"if": {"device": "ios", "country": "BR"}, "url": 'https://e.com/?a=1,2;"x"'},
            {"if": {"query": {"name": "a", "value": "=b"}}, "url": "https://e.com/'q"},
        ],
    },
    {"starts_at": "1970-01-01T00:00:00Z", "expires_at": "9999-12-31T23:59:59.999999Z"},
]


@pytest.fixture(scope="module")
def owner(app: Flask, module_database: Database) -> Headers:
    """Make links of all kinds, visited or not, and return who has them."""
    client = app.test_client()
    headers = _sign_up(client, "owner@example.org")
    codes = []
    for number, fields in enumerate(LINKS):
        url = f"https://example.org/{number}?a=%2B&b='=x#ü"
        answer = client.post("/api/", json={"url": url, **fields}, headers=headers)
        assert answer.status_code == 201, answer.data
        codes.append(answer.get_json()["short_code"])
    client.post(f"/api/links/{codes[1]}/disable", headers=headers)
    client.delete(f"/api/links/{codes[2]}", headers=headers)
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO link_counts (code, user_id, visits, visitors, bots, last_visit_at)"
            " SELECT id, user_id, 7, 5, 2, '2026-11-01 12:00:00.5+00' FROM urls"
            " WHERE id = ANY (%s)",
            (codes[:3],),
        )
        connection.execute(
            "UPDATE urls SET used_visits = 3, exhausted_at = now() WHERE id = %s", (codes[7],)
        )
        connection.execute("UPDATE urls SET created_at = NULL WHERE id = %s", (codes[0],))
    return headers


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
@pytest.mark.parametrize("part", [1 << 20, 97])
def test_everything_comes_back(  # noqa: PLR0917  # fixtures
    client: FlaskClient,
    owner: Headers,
    module_database: Database,
    databases: Databases,
    environment: dict[str, str],
    format_: str,
    part: int,
) -> None:
    content = export(client, owner, format=format_)
    original = rows(module_database)

    with databases.migrated() as empty, application(environment | empty.environment) as app:
        fresh = app.test_client()
        headers = _sign_up(fresh, "restored@example.org")
        brought = upload(fresh, headers, content, format_, part)
        restored = rows(empty)
        again = upload(fresh, headers, content, format_)

        assert (brought["links"], brought["refused"]) == (len(LINKS), 0)
        assert restored == original
        assert (again["links"], again["unchanged"], again["refused"]) == (0, len(LINKS), 0)
        assert rows(empty) == original
        assert export(fresh, headers, format=format_) == content


def _sign_up(client: FlaskClient, email: str) -> Headers:
    answer = client.post("/api/signup", json={"email": email, "password": "secret1"})
    return {"Authorization": f"Bearer {answer.get_json()['token']}"}
