"""Every operation of the document, asked with a key of each scope: it does what it declares."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.model.callers import Scope
from app.routes.openapi.operation import ANY_SCOPE, LOGIN_ONLY, Operation
from app.routes.openapi.operations import operations
from tests.access.conftest import Person, ask

OPERATIONS = [each for each in operations(302, permanent=False) if each.bearer != "none"]
SCOPES: list[tuple[str, ...]] = [(scope.value,) for scope in Scope]


def path_of(operation: Operation, code: str) -> str:
    path = operation.path
    for name, value in (("code", code), ("key_id", "x"), ("tag", "x"), ("import_id", "x")):
        path = path.replace(f"{{{name}}}", value)
    return path.replace("{", "").replace("}", "")


def allowed(operation: Operation, scopes: tuple[str, ...]) -> bool:
    return operation.scope == ANY_SCOPE or operation.scope in scopes


def is_forbidden(answer: Any) -> bool:
    return bool(answer.status_code == 403 and answer.get_json()["code"] == "FORBIDDEN")


def test_every_operation_with_a_caller_declares_what_a_key_needs() -> None:
    known = {*Scope, ANY_SCOPE, LOGIN_ONLY}

    assert {each.id for each in OPERATIONS if each.scope not in known} == set()


@pytest.mark.parametrize("scopes", SCOPES, ids=lambda scopes: scopes[0])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.id)
def test_a_key_may_do_what_its_scope_says(
    person: Person, operation: Operation, scopes: tuple[str, ...]
) -> None:
    code = person.link(url="https://e.com/scoped", title="t")
    path = path_of(operation, code)

    answer = ask(person.client, person.key(*scopes), operation.method.upper(), path)

    assert is_forbidden(answer) is not allowed(operation, scopes), (answer.status, answer.text)
    assert answer.status_code != 401
    if operation.scope in list(Scope) and is_forbidden(answer):
        assert str(operation.scope) in answer.get_json()["details"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.id)
def test_a_token_may_do_everything(person: Person, operation: Operation) -> None:
    code = person.link(url="https://e.com/scoped", title="t")

    answer = person.ask(operation.method.upper(), path_of(operation, code))

    assert answer.status_code not in {401, 403}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.id)
def test_a_wrong_key_is_nobody_everywhere(client: FlaskClient, operation: Operation) -> None:
    path, method = path_of(operation, "abcdef"), operation.method.upper()
    for key in ("fon_" + "A" * 43, "fon_cut"):
        assert ask(client, key, method, path).status_code == 401
        answer = client.open(path, method=method, headers={"X-API-Key": key})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_TOKEN")


def test_a_key_of_all_scopes_cannot_get_at_the_account(person: Person) -> None:
    key = person.key()
    for method, path, body in (
        ("POST", "/api/keys", {"name": "n", "scopes": ["links:read"]}),
        ("GET", "/api/keys", None),
        ("POST", "/api/account/password", {"current_password": "secret1", "new_password": "x" * 8}),
        ("POST", "/api/account/logout-everywhere", None),
        ("DELETE", "/api/account", {"password": "secret1", "links": "keep"}),
    ):
        assert is_forbidden(ask(person.client, key, method, path, json=body))
    assert person.ask("GET", "/api/account").status_code == 200
