"""Links one can manage, asked for through the application in this process or a running one."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.routes.conftest import (  # noqa: F401
    app,
    bearer,
    client,
    code,
    email,
    environment,
    make_client,
    target,
)

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
Create = Callable[..., dict[str, Any]]
Follow = Callable[..., TestResponse]


@pytest.fixture
def create(client: FlaskClient, bearer: dict[str, str], target: str) -> Create:  # noqa: F811
    """Make links of one user: create(alias=…) gives the link; the target is one's own."""

    def make(**fields: Any) -> dict[str, Any]:
        body = {"url": target, "title": "of a test", **fields}
        answer = client.post("/api/", json=body, headers=bearer)
        assert answer.status_code == 201, answer.data
        link: dict[str, Any] = answer.get_json()["link"]
        return link

    return make


@pytest.fixture
def follow(client: FlaskClient) -> Follow:  # noqa: F811
    """Follow a link as a person does: follow(code, Accept_Language="pt")."""

    def get(path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(f"/{path}", headers={"User-Agent": PERSON, **named})

    return get
