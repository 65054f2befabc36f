"""Keys and tokens, used through the application in this process or a running one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.routes.conftest import (  # noqa: F401
    app,
    client,
    email,
    environment,
    make_client,
    target,
)

PASSWORD = "secret1"
ALL = ("links:read", "links:write", "statistics:read")


@dataclass(frozen=True)
class Person:
    """Somebody with an account, and how they ask."""

    client: FlaskClient
    id: str
    email: str
    token: str

    def ask(self, method: str, path: str, **more: Any) -> TestResponse:
        """Ask with the token."""
        return ask(self.client, self.token, method, path, **more)

    def key(self, *scopes: str, **more: Any) -> str:
        """Make a key and return its secret."""
        body = {"name": "a script", "scopes": scopes or ALL, **more}
        answer = self.ask("POST", "/api/keys", json=body)
        assert answer.status_code == 201, answer.text
        secret: str = answer.get_json()["secret"]
        return secret

    def log_in(self, password: str = PASSWORD) -> TestResponse:
        """Log in."""
        body = {"email": self.email, "password": password}
        return self.client.post("/api/login", json=body)

    def link(self, **fields: Any) -> str:
        """Make a link and return its code."""
        answer = self.ask("POST", "/api/", json=fields)
        assert answer.status_code == 201, answer.text
        code: str = answer.get_json()["short_code"]
        return code


MakePerson = Callable[[], Person]


def ask(client: FlaskClient, secret: str, method: str, path: str, **more: Any) -> TestResponse:  # noqa: F811
    """Ask with a token or a key."""
    headers = {"Authorization": f"Bearer {secret}", **more.pop("headers", {})}
    return client.open(path, method=method, headers=headers, **more)


_people = iter(range(1, 1_000_000))


@pytest.fixture
def make_person(client: FlaskClient) -> MakePerson:  # noqa: F811
    """Sign somebody up whom no other test of the file knows."""

    def make() -> Person:
        address = f"person-{next(_people)}@example.org"
        body = {"email": address, "password": PASSWORD}
        made = client.post("/api/signup", json=body).get_json()
        return Person(client, made["user"]["id"], address, made["token"])

    return make


@pytest.fixture
def person(make_person: MakePerson) -> Person:
    """Sign somebody up."""
    return make_person()
