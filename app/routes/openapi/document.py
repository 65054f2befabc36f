"""The OpenAPI 3.1 document, made from the types that the routes read and write."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import msgspec

from app.config import PERMANENT_REDIRECTS
from app.model.callers import Scope
from app.model.errors import ServiceError
from app.routes import schemas
from app.routes.openapi.access_operations import ACCESS_STRUCTS
from app.routes.openapi.examples import add_examples
from app.routes.openapi.headers import HEADERS, page_references, references
from app.routes.openapi.operation import (
    HTML,
    JSON,
    LOGIN_ONLY,
    MERGE_PATCH,
    Answer,
    Operation,
)
from app.routes.openapi.operations import operations
from app.routes.openapi.parameters import PARAMETERS
from app.routes.openapi.refusals import METHOD_NOT_ALLOWED, NOT_FOUND, Responses, refusals
from app.routes.openapi.transfer_operations import TRANSFER_STRUCTS
from app.routes.schemas_statistics import StatisticsAnswer

_DESCRIPTION = """\
Short links, and redirects to where they lead.

Errors have one shape, whoever refuses: `error` for people, with the reason where there is one, \
`code` for machines, and that reason alone as `details`. A path that does not exist is 404 \
`NOT_FOUND`, a method that a path does not take 405 `METHOD_NOT_ALLOWED` with `Allow`, as JSON too.

A body is JSON, declared as `application/json`. As `text/plain`, as a form or undeclared it is \
taken too, but for pages of other sites (403 `FOREIGN_ORIGIN`). Names of fields may have any case, \
but for those of a link that is changed and those of its rules. A body has 64 levels at most, and \
131072 bytes where its operation does not say more.

Programs call with an API key instead of a token, as `Authorization: Bearer fon_…` or as \
`X-API-Key`. A key may do what its scopes say (403 `FORBIDDEN` otherwise); one that is limited to \
a tag sees and makes only links with that tag, a new one each time, also for the same URL.

Requests are limited in fixed windows, by API key where there is one and else by client address: \
`RATE_LIMIT` for what writes or lists, `RATE_LIMIT_AUTH` for passwords, `RATE_LIMIT_RESOLVE` for \
the rest. One too many is 429 with `Retry-After`.

CORS: a preflight is answered on every path, 204, for the origins that are allowed; it needs no \
token and is never limited. `HEAD` is taken wherever `GET` is."""
_TAGS = {
    "Links": "Shorten, resolve, list",
    "Redirects": "What a short link itself answers",
    "Statistics": "How links are visited",
    "Transfers": "Take all links along, and bring those of other services",
    "Accounts": "Sign up and log in",
    "Access": "API keys, the password, and the end of an account",
    "Operations": "Probes and metrics",
    "Documentation": "This document",
    "Site": "What browsers and robots ask of any site",
}
_STRUCTS = (
    schemas.CreateBody,
    schemas.SignupBody,
    schemas.LoginBody,
    schemas.NewLink,
    schemas.KnownLink,
    schemas.LinkBody,
    schemas.LinkPatch,
    schemas.LinkPage,
    schemas.TagBody,
    schemas.TagList,
    schemas.TagPatch,
    schemas.BulkBody,
    schemas.BulkAnswer,
    schemas.ResolvedLink,
    schemas.OwnedLinks,
    schemas.SignedUp,
    schemas.LoggedIn,
    schemas.Health,
    schemas.Liveness,
    schemas.ErrorBody,
    StatisticsAnswer,
    *ACCESS_STRUCTS,
    *TRANSFER_STRUCTS,
)
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `token` of signup or login, or an API key where a key is taken",
}
_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "An API key with the scope that the operation names",
}


def document(redirect_status: int = 302) -> dict[str, Any]:
    """Return the document of a service that redirects with `redirect_status`."""
    responses = Responses()
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations(redirect_status, permanent=redirect_status in PERMANENT_REDIRECTS):
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, responses)
    # These belong to no operation: nothing is there.
    responses.references((NOT_FOUND, METHOD_NOT_ALLOWED), pages=False, empty=False)
    _, components = msgspec.json.schema_components(
        _STRUCTS, ref_template="#/components/schemas/{name}"
    )
    described = {
        "openapi": "3.1.0",
        "info": {
            "title": "Fonsecaaso shortener",
            "version": version("fonsecaaso-shortener"),
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": responses.components,
            "headers": HEADERS,
            "parameters": PARAMETERS,
            "securitySchemes": {"bearer": _BEARER, "key": _KEY},
        },
    }
    add_examples(described)
    return described


def _described(operation: Operation, responses: Responses) -> dict[str, Any]:
    empty = operation.method == "head"
    found = responses.references(refusals(operation), pages=operation.pages, empty=empty)
    for answer in operation.answers:
        found[str(answer.status)] = _answer(answer, found.get(str(answer.status)))
    limited = f" Limited by `{operation.limit}`." if operation.limit else ""
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description + limited,
        "parameters": [
            {"$ref": f"#/components/parameters/{name}"}
            for name in (*operation.parameters, "X-Request-ID")
        ],
        "responses": dict(sorted(found.items())),
        "x-usual-status": _usual_status(operation),
        "security": _security(operation),
    }
    if operation.body:
        schema = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        types = (MERGE_PATCH, JSON) if operation.patch else (JSON,)
        content = {media_type: {"schema": schema} for media_type in types}
        described["requestBody"] = {"required": True, "content": content}
    elif operation.file:
        described["requestBody"] = {"required": True, "content": {operation.file: {"schema": {}}}}
    return described


def _usual_status(operation: Operation) -> str:
    """Return the status that an example has: the first in the tables."""
    answers: tuple[Answer | type[ServiceError], ...] = (*operation.answers, *operation.refusals)
    return str(answers[0].status)


def _answer(answer: Answer, refused: dict[str, Any] | None) -> dict[str, Any]:
    if refused is not None:
        message = f"an answer and an error share the status {answer.status}: {refused}"
        raise ValueError(message)
    described: dict[str, Any] = {
        "description": answer.description,
        "headers": references(*answer.headers),
    }
    if answer.body:
        schema = {"$ref": f"#/components/schemas/{answer.body.__name__}"}
        described["content"] = {JSON: {"schema": schema}}
    elif answer.media_type:
        kind = "object" if answer.media_type == JSON else "string"
        described["content"] = {answer.media_type: {"schema": {"type": kind}}}
        for media_type in answer.also:
            described["content"][media_type] = {"schema": {"type": "string"}}
        if answer.page:
            described["headers"] |= page_references()
            described["content"][HTML] = {"schema": {"type": "string"}}
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Return who may do it; with the scope that a key needs (OpenAPI 3.1, section 4.8.30)."""
    if operation.bearer == "none":
        return []
    if operation.scope is None:
        message = f"{operation.id} has callers, and does not say what a key needs for it"
        raise ValueError(message)
    needed = [str(operation.scope)] if isinstance(operation.scope, Scope) else []
    ways: list[dict[str, list[str]]] = [{"bearer": needed}]
    if operation.scope != LOGIN_ONLY:
        ways.append({"key": needed})
    return [{}, *ways] if operation.bearer == "optional" else ways
