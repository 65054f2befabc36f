"""`/api/openapi.json` describes the service there is, all of it, and `/api/docs` shows it."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # has no types of its own
import pytest
from flask import Flask
from flask.testing import FlaskClient
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from app.codes import RESERVED
from app.model.callers import Scope
from app.routes.openapi import document
from local.ports import free_port
from tests.routes.conftest import SECRET, application
from tests.security.sound import CODES

DOCUMENT = document()
METHODS = {"get", "head", "post", "put", "patch", "delete", "options", "trace"}


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    """Make the application; what is looked at here needs no server."""
    unreachable = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(free_port())}
    settings = {"ENV": "local", "JWT_SECRET": SECRET, "RATE_LIMIT_ENABLED": "false"}
    with application({**settings, **unreachable}) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Make a client without cookies or tokens."""
    return app.test_client()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def resolved(described: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference inside the document."""
    while "$ref" in described:
        found: Any = DOCUMENT
        for part in described["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        described = found
    return described


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_the_document_is_valid() -> None:
    # The OpenAPI Initiative's own schema of 3.1, which schemathesis brings along.
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []


def test_the_schemas_in_it_are_valid() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for header in DOCUMENT["components"]["headers"].values():
        jsonschema.Draft202012Validator.check_schema(header["schema"])


def test_every_reference_leads_somewhere_and_nothing_is_described_in_vain() -> None:
    found = set(references(DOCUMENT))

    for reference in found:
        assert resolved({"$ref": reference})
    for kind, components in DOCUMENT["components"].items():
        if kind != "securitySchemes":
            unused = {name for name in components if f"#/components/{kind}/{name}" not in found}
            assert unused <= {"404.NOT_FOUND", "405.METHOD_NOT_ALLOWED"}


def test_it_describes_every_route_and_no_other(app: Flask) -> None:
    routed = {
        (re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    }
    described = {(path, method) for path, method, _ in operations()}

    assert described - {("/{code}", "head")} == routed


def test_every_part_of_a_path_that_changes_is_described() -> None:
    for path, _, operation in operations():
        found = [resolved(each) for each in operation["parameters"]]
        assert {each["name"] for each in found if each["in"] == "path"} == set(
            re.findall(r"{(\w+)}", path)
        )


def test_it_has_every_error_there_is() -> None:
    described = {
        code
        for _, _, operation in operations()
        for response in operation["responses"].values()
        for code in re.findall(r"\b[A-Z][A-Z_]{5,}\b", resolved(response)["description"])
    }

    shared = {"NOT_FOUND", "METHOD_NOT_ALLOWED"}
    assert described | shared >= CODES
    assert shared <= set(re.findall(r"`([A-Z_]+)`", DOCUMENT["info"]["description"]))


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]

    assert len(names) == len(set(names))


def test_what_is_somebodys_needs_a_token_and_only_creating_may_have_one() -> None:
    security = {operation["operationId"]: operation["security"] for _, _, operation in operations()}
    own = {
        operation["operationId"]
        for path, _, operation in operations()
        if path.startswith(
            (
                "/api/links",
                "/api/tags",
                "/api/user/",
                "/api/statistics",
                "/api/export",
                "/api/imports",
            )
        )
    }
    logged_in = {
        operation["operationId"]
        for path, _, operation in operations()
        if path.startswith(("/api/keys", "/api/account"))
    } - {"getAccount"}

    scopes = {scope.value for scope in Scope}
    for name in own:
        token, key = security.pop(name)
        assert token["bearer"] == key["key"]
        assert len(token["bearer"]) == 1
        assert set(token["bearer"]) <= scopes
    assert {str(security.pop(name)) for name in logged_in} == {"[{'bearer': []}]"}
    assert security.pop("getAccount") == [{"bearer": []}, {"key": []}]
    write = ["links:write"]
    assert security.pop("createLink") == [{}, {"bearer": write}, {"key": write}]
    assert set(map(str, security.values())) == {"[]"}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_it_says_how_this_service_redirects(status: int) -> None:
    responses = document(status)["paths"]["/{code}"]["get"]["responses"]

    redirects = {name: each for name, each in responses.items() if name.startswith("3")}
    own = [name for name, each in redirects.items() if "redirect_status" not in each["description"]]
    assert own == [str(status)]
    assert set(redirects) == {"301", "302", "307", "308"}
    assert all("Location" in each["headers"] for each in redirects.values())


def test_it_is_served(client: FlaskClient) -> None:
    answer = client.get("/api/openapi.json")

    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.get_json() == DOCUMENT


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/docs"])
def test_what_the_client_has_already_is_not_sent_again(client: FlaskClient, path: str) -> None:
    tag = client.get(path).headers["ETag"]

    answer = client.get(path, headers={"If-None-Match": tag})

    assert (answer.status_code, answer.data) == (304, b"")


def test_the_page_shows_every_operation_type_and_header(client: FlaskClient) -> None:
    page = client.get("/api/docs").get_data(as_text=True)

    for path, method, operation in operations():
        assert f'<section id="{operation["operationId"]}">' in page
        assert f"<b>{method}</b> <code>{path}</code>" in page
    for name in DOCUMENT["components"]["schemas"]:
        assert f'<section id="schema-{name}">' in page
    for name in DOCUMENT["components"]["headers"]:
        assert f'<th scope="row"><code>{name}</code>' in page


def test_the_pages_links_lead_somewhere(client: FlaskClient) -> None:
    page = client.get("/api/docs").get_data(as_text=True)
    links = set(re.findall(r'href="([^"]*)"', page))

    assert {link for link in links if not link.startswith("#")} == {"/api/openapi.json"}
    for link in links - {"/api/openapi.json"}:
        assert f'id="{link[1:]}"' in page


def test_the_page_loads_and_runs_nothing(client: FlaskClient) -> None:
    answer = client.get("/api/docs")
    page = answer.get_data(as_text=True)

    assert not re.search(r"<script|<link|<img|<iframe|@import|url\(|\son[a-z]+=|style=", page)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_its_words_are_reserved() -> None:
    assert {"docs", "openapi.json"} <= RESERVED
