"""Requests with a key count by key; keys that nobody has count by address, and then ask nobody."""

import pytest
from flask.testing import FlaskClient

from app.access import Access
from app.config import Rate
from app.model.callers import Caller
from app.storage.rate_limits import ProcessWindow
from tests.access.conftest import Person, ask
from tests.harness.servers import Valkey
from tests.routes.conftest import MakeClient

LIMITED = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT": "6/minute", "RATE_LIMIT_AUTH": "4/minute"}


@pytest.fixture
def strict(make_client: MakeClient, valkey: Valkey) -> FlaskClient:
    """Make a client of an application with small limits."""
    return make_client(**LIMITED)


def statuses(client: FlaskClient, secret: str, times: int, **more: object) -> list[int]:
    return [ask(client, secret, "GET", "/api/account", **more).status_code for _ in range(times)]


def test_each_key_has_a_limit_of_its_own(person: Person, strict: FlaskClient) -> None:
    one, two = person.key(), person.key()

    assert statuses(strict, one, 7) == [200] * 6 + [429]
    assert statuses(strict, two, 7) == [200] * 6 + [429]
    assert statuses(strict, person.token, 7) == [200] * 6 + [429]


def test_a_key_counts_from_everywhere_together(person: Person, make_client: MakeClient) -> None:
    client = make_client(**LIMITED, TRUSTED_PROXIES="1")
    key = person.key()

    found = [
        status
        for number in range(8)
        for status in statuses(client, key, 1, headers={"X-Forwarded-For": f"203.0.113.{number}"})
    ]

    assert found == [200] * 6 + [429] * 2


def test_guesses_count_by_address(person: Person, make_client: MakeClient, valkey: Valkey) -> None:
    client = make_client(**LIMITED, TRUSTED_PROXIES="1")
    here, there = ({"X-Forwarded-For": f"203.0.113.{number}"} for number in (1, 2))
    guesses = [f"fon_{number:043}" for number in range(8)]

    found = [statuses(client, guess, 1, headers=here)[0] for guess in guesses]

    assert found == [401] * 6 + [429] * 2
    assert statuses(client, guesses[0], 1, headers=there) == [401]


def test_after_too_many_guesses_nothing_is_looked_up(
    person: Person, strict: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, unused = person.key(), person.key()
    assert statuses(strict, known, 1) == [200]
    statuses(strict, "fon_" + "A" * 43, 7)
    asked: list[str] = []
    by_key = Access.by_key

    def noted(access: Access, key: str) -> Caller:
        asked.append(key)
        return by_key(access, key)

    monkeypatch.setattr(Access, "by_key", noted)

    assert statuses(strict, "fon_" + "B" * 43, 3) == [429] * 3
    assert statuses(strict, unused, 1) == [429]
    assert asked == []
    # A key that was good just now is no guess: its office is not shut out.
    assert statuses(strict, known, 1) == [200]


def test_a_password_is_tried_as_seldom_as_at_a_login(person: Person, strict: FlaskClient) -> None:
    body = {"current_password": "wrong!", "new_password": "whatever"}

    found = [
        ask(strict, person.token, "POST", "/api/account/password", json=body).status_code
        for _ in range(5)
    ]

    assert found == [403] * 4 + [429]


def test_a_password_is_not_tried_from_many_addresses(
    person: Person, make_client: MakeClient, valkey: Valkey
) -> None:
    client = make_client(**LIMITED, TRUSTED_PROXIES="1")
    body = {"password": "wrong!", "links": "keep"}

    found = [
        ask(
            client, person.token, "DELETE", "/api/account", json=body,
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        ).status_code
        for number in range(5)
    ]  # fmt: skip

    assert found == [403] * 4 + [429]


def test_redis_is_told_no_key(person: Person, strict: FlaskClient, valkey: Valkey) -> None:
    key = person.key()
    statuses(strict, key, 2)
    statuses(strict, "fon_" + "C" * 43, 2)
    strict.get(f"/{key}")
    strict.get(f"/api/{key}")

    with valkey.connect() as connection:
        names = b" ".join(connection.scan_iter())
    assert b"limit" in names
    assert b"fon_" not in names


def test_a_window_looked_at_counts_nothing() -> None:
    now = [0.0]
    window = ProcessWindow(Rate(2, 60), clock=lambda: now[0])

    assert [window.wait("a") for _ in range(5)] == [0] * 5
    assert [window.count("a") for _ in range(3)] == [0, 0, 60]
    assert (window.wait("a"), window.wait("b")) == (60, 0)
    now[0] = 61.0
    assert window.wait("a") == 0
