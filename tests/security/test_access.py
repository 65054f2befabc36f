"""Who may see and do what: each account its own links, and nothing by the way."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.harness.servers import Database
from tests.harness.service import Service

Person = Callable[..., requests.Response]


def sign_up(service: Service, email: str, **more: Any) -> requests.Response:
    body = {"email": email, "password": "secret1", **more}
    return requests.post(f"{service.url}/api/signup", json=body, timeout=20)


@pytest.fixture
def person(attacked: Service) -> Callable[[str], Person]:
    """Sign somebody up and return how they ask: person(name)(method, path, **arguments)."""

    def make(name: str) -> Person:
        token = sign_up(attacked, f"{name}@example.org").json()["token"]

        def ask(method: str, path: str, **more: Any) -> requests.Response:
            headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
            url = attacked.url + path
            return requests.request(
                method, url, headers=headers, timeout=20, allow_redirects=False, **more
            )

        return ask

    return make


def codes(ask: Person, **more: Any) -> set[str]:
    return {link["id"] for link in ask("GET", "/api/user/urls", **more).json()["urls"]}


def test_a_list_holds_ones_own_links_alone(person: Callable[[str], Person]) -> None:
    alice, bob = person("alice"), person("bob")
    body = {"url": "https://e.com/of-both"}

    made = [ask("POST", "/api/", json=body).json()["short_code"] for ask in (alice, bob)]

    assert made[0] != made[1]
    assert codes(alice) == {made[0]}
    assert codes(bob) == {made[1]}


@pytest.mark.parametrize(
    "more",
    [
        {"params": {"user_id": "{0}", "owner": "{0}", "limit": "999999"}},
        {"headers": {"X-User-Id": "{0}", "X-Original-User": "{0}"}},
        {"json": {"user_id": "{0}"}},
        {"cookies": {"user_id": "{0}"}},
    ],
    ids=["query", "header", "body", "cookie"],
)
def test_nobody_lists_for_somebody_else(
    attacked: Service, person: Callable[[str], Person], more: dict[str, Any], request: Any
) -> None:
    name = request.node.callspec.id
    victim = sign_up(attacked, f"victim-{name}@example.org").json()
    requests.post(
        f"{attacked.url}/api/",
        json={"url": "https://e.com/private"},
        headers={"Authorization": f"Bearer {victim['token']}"},
        timeout=20,
    )
    asked = json.loads(json.dumps(more).replace("{0}", victim["user"]["id"]))

    assert codes(person(f"attacker-{name}"), **asked) == set()


@pytest.mark.parametrize("path", ["/api/", "/api/signup"])
def test_fields_that_nobody_asked_for_are_not_stored(
    attacked: Service, attacked_database: Database, path: str
) -> None:
    more = {
        "id": "chosen",
        "short_code": "chosen",
        "user_id": "6a7c5b1e-2f43-4f0e-9f57-0d6a3c1f2b4d",
        "email_verified": True,
        "is_admin": True,
        "created_at": "1970-01-01T00:00:00Z",
        "deleted_at": "1970-01-01T00:00:00Z",
        "password_hash": "x",
    }
    body = {"url": "https://e.com/fields", "email": "fields@example.org", "password": "secret1"}

    answer = requests.post(f"{attacked.url}{path}", json={**body, **more}, timeout=20)

    assert answer.status_code == 201
    with attacked_database.connect() as connection:
        links = connection.execute(
            "SELECT 1 FROM urls WHERE id = 'chosen' OR created_at < '2000-01-01'"
            " OR (original_url = 'https://e.com/fields' AND user_id IS NOT NULL)"
        ).fetchall()
        users = connection.execute(
            "SELECT 1 FROM users WHERE email = 'fields@example.org'"
            " AND (email_verified OR deleted_at IS NOT NULL OR password_hash = 'x')"
        ).fetchall()
    assert links == users == []


def test_answers_hold_the_fields_of_the_contract_alone(
    attacked: Service, person: Callable[[str], Person]
) -> None:
    signed_up = sign_up(attacked, "exposed@example.org").json()
    ask = person("exposed-too")
    ask("POST", "/api/", json={"url": "https://e.com/exposed"})

    assert set(signed_up) == {"message", "user", "token"}
    assert set(signed_up["user"]) == {"id", "username", "email", "created_at"}
    (link,) = ask("GET", "/api/user/urls").json()["urls"]
    assert set(link) == {"id", "url", "created_at"}


def test_the_token_of_a_deleted_account_lets_nobody_in(
    attacked_database: Database, person: Callable[[str], Person]
) -> None:
    ask = person("gone")
    with attacked_database.connect() as connection:
        connection.execute("UPDATE users SET deleted_at = now() WHERE email = 'gone@example.org'")

    assert ask("GET", "/api/user/urls").status_code == 401
    assert ask("POST", "/api/", json={"url": "https://e.com/gone"}).status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/admin", "/api/admin", "/api/users", "/api/v1/", "/debug", "/console/no", "/.env",
     "/.git/HEAD", "/static/x", "/server-status", "/actuator/env", "/docs",
     "/api/docs/..%2f..%2fsetup.cfg", "/phpmyadmin", "/swagger.json", "/graphql"],
)  # fmt: skip
def test_nothing_is_served_that_is_not_documented(attacked: Service, path: str) -> None:
    answer = requests.get(attacked.url + path, timeout=20, allow_redirects=False)

    assert answer.status_code in {400, 404}
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"])
@pytest.mark.parametrize("path", ["/api/", "/abcdef", "/api/abcdef", "/api/user/urls", "/healthz"])
def test_no_method_does_what_is_not_documented(attacked: Service, path: str, method: str) -> None:
    for headers in ({}, {"X-HTTP-Method-Override": "GET", "X-Method-Override": "DELETE"}):
        answer = requests.request(method, attacked.url + path, headers=headers, timeout=20)
        assert answer.status_code == 405


@pytest.mark.parametrize("override", ["DELETE", "GET"])
def test_a_header_or_field_does_not_change_the_method(attacked: Service, override: str) -> None:
    answer = requests.post(
        f"{attacked.url}/api/user/urls?_method={override}",
        headers={"X-HTTP-Method-Override": override},
        timeout=20,
    )

    assert answer.status_code == 405


def test_metrics_and_localhost_are_for_a_developers_machine(
    attacked_database: Database, start_service: Callable[..., Service]
) -> None:
    settings = {"ENV": "production", "POSTGRES_SSLMODE": "disable", "SHUTDOWN_DELAY": "0"}
    service = start_service({**attacked_database.environment, **settings})

    def status(method: str, path: str, **more: Any) -> int:
        return requests.request(method, service.url + path, timeout=20, **more).status_code

    assert [status("GET", path) for path in ("/metrics", "/api/metrics")] == [404, 404]
    assert status("POST", "/api/", json={"url": "http://localhost/"}) == 400


def test_a_target_is_never_fetched(attacked: Service) -> None:
    # A listener that hears nothing: creating, resolving and redirecting leave it alone.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        target = f"http://127.0.0.1:{listener.getsockname()[1]}/latest/meta-data"
        made = requests.post(f"{attacked.url}/api/", json={"url": target}, timeout=20)
        code = made.json()["short_code"]
        for path in (f"/{code}", f"/api/{code}"):
            requests.get(attacked.url + path, timeout=20, allow_redirects=False)

        with pytest.raises(TimeoutError):
            listener.accept()
