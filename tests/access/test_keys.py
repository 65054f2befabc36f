"""API keys: made, shown without their secret, refused when they are not good."""

import hashlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import access
from app.storage.api_keys import MOST
from tests.access.conftest import ALL, MakePerson, Person, ask
from tests.harness.servers import Database

SHOWN = {
    "id", "name", "prefix", "scopes", "tag", "created_at", "expires_at", "last_used_at",
}  # fmt: skip


def later(**more: int) -> str:
    return (datetime.now(UTC) + timedelta(**more)).isoformat()


def test_a_key_is_shown_once(person: Person) -> None:
    body = {"name": " CI ", "scopes": ["links:write", "links:read"], "tag": "ci"}
    made = person.ask("POST", "/api/keys", json=body)
    answer = made.get_json()
    listed = person.ask("GET", "/api/keys").get_json()["keys"]

    assert made.status_code == 201
    assert re.fullmatch(r"fon_[A-Za-z0-9_-]{43}", answer["secret"])
    assert set(answer["key"]) == SHOWN
    assert answer["key"]["name"] == "CI"
    assert answer["key"]["scopes"] == ["links:read", "links:write"]
    assert answer["key"]["prefix"] == answer["secret"][:12]
    assert listed == [answer["key"]]


@pytest.mark.parametrize("header", ["bearer", "X-API-Key", "both"])
def test_a_key_is_taken_in_either_header(person: Person, header: str) -> None:
    key = person.key()
    bearer, own = {"Authorization": f"bearer {key}"}, {"X-API-Key": f" {key} "}
    headers = {"bearer": bearer, "X-API-Key": own, "both": {**bearer, **own}}[header]

    answer = person.client.get("/api/user/urls", headers=headers)

    assert answer.status_code == 200


def test_two_callers_at_once_are_none(make_person: MakePerson) -> None:
    ana, bob = make_person(), make_person()
    pairs = [(ana.key(), bob.key()), (ana.token, bob.key()), (ana.token, ana.key())]

    for bearer, key in pairs:
        answer = ask(ana.client, bearer, "GET", "/api/user/urls", headers={"X-API-Key": key})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_TOKEN")
        assert "different callers" in answer.get_json()["details"]


def mangled(key: str) -> dict[str, str]:
    other = "B" if key[20] == "A" else "A"
    last = key[-1]
    # 43 letters hold two bits that no byte has: the letter beside decodes to the same bytes.
    alike = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alike[alike.index(last) ^ 1]
    return {
        "cut": key[:-1],
        "longer": key + "A",
        "one letter": key[:20] + other + key[21:],
        "same bytes": key[:-1] + twin,
        "upper case": key.upper(),
        "lower case": key.lower() if key.lower() != key else key.upper(),
        "prefix in capitals": "FON_" + key[4:],
        "prefix alone": "fon_",
        "no prefix": key[4:],
        "digest": hashlib.sha256(key.encode()).hexdigest(),
        "digest as key": "fon_" + hashlib.sha256(key.encode()).hexdigest()[:43],
        "twice": f"{key},{key}",
        "quoted": f'"{key}"',
        "fullwidth": key.replace("fon_", "\uff46\uff4f\uff4e\uff3f"),
        "percent": "%66on_" + key[4:],
        "NUL": key + "\\0",
        "SQL": "fon_' OR '1'='1",
        "star": "fon_" + "%" * 43,
    }


@pytest.mark.parametrize("how", mangled("fon_" + "a" * 43))
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_what_is_only_like_a_key_is_refused(person: Person, how: str, header: str) -> None:
    wrong = mangled(person.key())[how].encode().decode("latin-1")
    value = f"Bearer {wrong}" if header == "Authorization" else wrong

    answer = person.client.get("/api/user/urls", headers={header: value})

    assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_TOKEN")


def test_a_key_is_never_silently_nobody(client: FlaskClient, target: str) -> None:
    for value in ("", "null", "undefined"):
        answer = client.post("/api/", json={"url": target}, headers={"X-API-Key": value})
        assert answer.status_code == 401


@pytest.mark.parametrize("place", ["query", "cookie", "body"])
def test_a_key_is_taken_from_headers_alone(person: Person, place: str) -> None:
    key = person.key()
    more: dict[str, Any] = {
        "query": {"query_string": {"api_key": key, "X-API-Key": key, "key": key}},
        "cookie": {"headers": {"Cookie": f"X-API-Key={key}; api_key={key}"}},
        "body": {"json": {"api_key": key, "key": key}},
    }[place]

    assert person.client.get("/api/user/urls", **more).status_code == 401


def test_what_a_key_makes_is_its_owners(person: Person, target: str) -> None:
    key = person.key("links:write")

    made = person.client.post("/api/", json={"url": target}, headers={"X-API-Key": key})

    (link,) = person.ask("GET", "/api/user/urls").get_json()["urls"]
    assert link["id"] == made.get_json()["short_code"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "100"),
        ({"name": "a\nb"}, "control"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["links:*"]}, "links:read"),
        ({"scopes": ["links:read", "admin"]}, "links:read"),
        ({"scopes": "links:read"}, "array"),
        ({"expires_at": "tomorrow"}, "RFC 3339"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "future"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"tag": ""}, "tag"),
        ({"tag": "x" * 65}, "64"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_no_key_can_be(person: Person, change: dict[str, Any], said: str) -> None:
    body = {"name": "n", "scopes": ["links:read"], **change}

    answer = person.ask("POST", "/api/keys", json=body)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_PAYLOAD")
    assert said in answer.get_json()["details"]


def test_a_key_ends_when_it_says(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    key = person.key(expires_at=later(hours=1))
    assert ask(person.client, key, "GET", "/api/account").status_code == 200

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(days=1)

    monkeypatch.setattr(access, "datetime", Tomorrow)
    answer = ask(person.client, key, "GET", "/api/account")

    assert answer.status_code == 401
    assert key not in answer.text


def test_a_revoked_key_is_refused(person: Person) -> None:
    kept, key = person.key(), person.key()
    assert ask(person.client, key, "GET", "/api/account").status_code == 200
    (number,) = [
        each["id"]
        for each in person.ask("GET", "/api/keys").get_json()["keys"]
        if each["prefix"] == key[:12]
    ]

    revoked = person.ask("DELETE", f"/api/keys/{number}")

    assert (revoked.status_code, revoked.data) == (204, b"")
    assert ask(person.client, key, "GET", "/api/account").status_code == 401
    assert ask(person.client, kept, "GET", "/api/account").status_code == 200
    assert person.ask("DELETE", f"/api/keys/{number}").status_code == 404


def test_nobody_sees_or_revokes_somebody_elses(make_person: MakePerson) -> None:
    ana, bob = make_person(), make_person()
    key = ana.key()
    number = ana.ask("GET", "/api/keys").get_json()["keys"][0]["id"]

    assert bob.ask("GET", "/api/keys").get_json()["keys"] == []
    assert bob.ask("DELETE", f"/api/keys/{number}").status_code == 404
    assert ask(ana.client, key, "GET", "/api/account").status_code == 200


@pytest.mark.parametrize("number", ["x", "0", "%00", "' OR 1=1", "6a7c5b1e-2f43-4f0e-9f57"])
def test_what_is_no_number_of_a_key_is_not_found(person: Person, number: str) -> None:
    answer = person.ask("DELETE", f"/api/keys/{number}")

    assert (answer.status_code, answer.get_json()["code"]) == (404, "KEY_NOT_FOUND")


def test_an_account_has_so_many_keys_also_when_they_race(
    person: Person, module_database: Database
) -> None:
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO api_keys (user_id, place, digest, prefix, name, scopes)"
            " SELECT %s, place, sha256((%s || place)::bytea), 'fon_', 'n', '{links:read}'"
            " FROM generate_series(1, %s) AS place",
            (person.id, person.id, MOST - 3),
        )
    together = threading.Barrier(6)

    def make(_: int) -> int:
        together.wait(30)
        body = {"name": "n", "scopes": ALL}
        return person.ask("POST", "/api/keys", json=body).status_code

    with ThreadPoolExecutor(6) as pool:
        made = sorted(pool.map(make, range(6)))

    assert made == [201] * 3 + [409] * 3
    assert len(person.ask("GET", "/api/keys").get_json()["keys"]) == MOST


def test_a_place_that_is_free_again_is_taken(person: Person) -> None:
    for _ in range(3):
        person.key()
        number = person.ask("GET", "/api/keys").get_json()["keys"][0]["id"]
        assert person.ask("DELETE", f"/api/keys/{number}").status_code == 204

    assert person.key()


def test_an_account_tells_whose_it_is(person: Person) -> None:
    account = {"id": person.id, "username": None, "email": person.email}

    own = person.ask("GET", "/api/account").get_json()
    keys = ask(person.client, person.key("links:read"), "GET", "/api/account").get_json()

    assert own["account"].items() >= account.items()
    assert keys["account"] == own["account"]
    assert "key" not in own
    assert set(keys["key"]) == SHOWN
