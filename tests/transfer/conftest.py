"""Exports and imports, asked for through the application in this process."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.routes.conftest import (  # noqa: F401
    app,
    bearer,
    client,
    email,
    environment,
    make_client,
    target,
)
from tests.transfer.uploading import export, upload

Headers = dict[str, str]
Bring = Callable[..., dict[str, Any]]
ExportOf = Callable[[str], dict[str, Any]]
SignUp = Callable[[], Headers]
_numbers = itertools.count(1)


@pytest.fixture
def bring(client: FlaskClient, bearer: Headers) -> Bring:  # noqa: F811
    """Import a file of one user: bring(bytes, "csv", size=…) gives the import at its end."""

    def do(content: bytes, format_: str = "auto", part: int = 1 << 20) -> dict[str, Any]:
        return upload(client, bearer, content, format_, part)

    return do


@pytest.fixture
def refusals(client: FlaskClient, bearer: Headers) -> Callable[..., list[tuple[int, str, str]]]:  # noqa: F811
    """Read what an import did not take: lines, codes and reasons."""

    def read(brought: dict[str, Any], **query: int) -> list[tuple[int, str, str]]:
        path = f"/api/imports/{brought['id']}/refusals"
        answer = client.get(path, query_string=query, headers=bearer)
        assert answer.status_code == 200, answer.data
        found = answer.get_json()["refusals"]
        return [(each["line"], each["code"], each["reason"]) for each in found]

    return read


@pytest.fixture
def export_of(client: FlaskClient, bearer: Headers) -> ExportOf:  # noqa: F811
    """Read what an export says of one link."""

    def read(code: str) -> dict[str, Any]:
        links = map(json.loads, export(client, bearer).splitlines())
        return next(link for link in links if link["code"] == code)

    return read


@pytest.fixture
def sign_up(client: FlaskClient) -> SignUp:  # noqa: F811
    """Sign somebody else up and return the header that says who they are."""

    def do() -> Headers:
        body = {"email": f"other-{next(_numbers)}@example.org", "password": "secret1"}
        answer = client.post("/api/signup", json=body)
        assert answer.status_code == 201, answer.data
        return {"Authorization": f"Bearer {answer.get_json()['token']}"}

    return do
