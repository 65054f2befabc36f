"""Errors in the document: one response for each set of codes that share a status."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from app.model import errors
from app.routes.errors import HTTP_CODES
from app.routes.openapi.headers import page_references, references
from app.routes.openapi.operation import HTML, JSON, Operation

ERROR = {"$ref": "#/components/schemas/ErrorBody"}
_BODY_STATUSES = (413, 415)
_SOMETIMES_LATER = (404, 409)
_LATER = {errors.LinkNotStarted.code, errors.IdempotencyKeyInUse.code}


class Refusal(NamedTuple):
    """A status with what people and machines are told."""

    status: int
    code: str
    message: str


# Before the application: gunicorn's parser (app/raw_answers.py says when). These two come with
# any request at all; the others only to what no client library sends.
UNREADABLE = (
    Refusal(400, *HTTP_CODES[400]),
    Refusal(414, "URI_TOO_LONG", "URI too long"),
    Refusal(431, "HEADERS_TOO_LARGE", "Headers too large"),
)
WIRE = (
    Refusal(408, "REQUEST_TIMEOUT", "The request took too long to come"),
    Refusal(417, "EXPECTATION_FAILED", "Expectation failed"),
    Refusal(501, "NOT_IMPLEMENTED", "Unsupported transfer coding"),
)
UNEXPECTED = Refusal(500, "INTERNAL_ERROR", "Internal server error")
NOT_FOUND = Refusal(404, *HTTP_CODES[404])
METHOD_NOT_ALLOWED = Refusal(405, *HTTP_CODES[405])


def refusals(operation: Operation) -> list[Refusal]:
    """Return everything an operation may refuse with."""
    kinds = list(operation.refusals)
    if operation.limit:
        kinds.append(errors.RateLimitExceeded)
    if operation.bearer != "none":
        kinds.append(errors.Forbidden)
    found = [_told(kind) for kind in kinds]
    if operation.body:
        found += [Refusal(status, *HTTP_CODES[status]) for status in _BODY_STATUSES]
        found.append(_told(errors.ForeignOrigin))
    if operation.file:
        found += [Refusal(status, *HTTP_CODES[status]) for status in _BODY_STATUSES]
    return [*found, *UNREADABLE, *WIRE, UNEXPECTED]


def _told(kind: type[errors.ServiceError]) -> Refusal:
    return Refusal(kind.status, kind.code, kind.message)


class Responses:
    """The error responses made so far, by name, for `components`."""

    def __init__(self) -> None:
        self.components: dict[str, dict[str, Any]] = {}

    def references(self, found: Iterable[Refusal], *, pages: bool, empty: bool) -> dict[str, Any]:
        """Return the responses of an operation by status; `empty` is for HEAD."""
        by_status: dict[int, list[Refusal]] = defaultdict(list)
        for refusal in found:
            by_status[refusal.status].append(refusal)
        return {
            str(status): self._reference(status, those, pages=pages, empty=empty)
            for status, those in sorted(by_status.items())
        }

    def _reference(
        self, status: int, those: list[Refusal], *, pages: bool, empty: bool
    ) -> dict[str, str]:
        marks = ["Empty"] if empty else ["Page"] if pages else []
        name = ".".join([str(status), *(refusal.code for refusal in those), *marks])
        self.components[name] = _response(status, those, pages=pages, empty=empty)
        return {"$ref": f"#/components/responses/{name}"}


def _response(status: int, those: list[Refusal], *, pages: bool, empty: bool) -> dict[str, Any]:
    codes = [refusal.code for refusal in those]
    response: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
        "headers": references(*_headers(status)),
    }
    if status in _SOMETIMES_LATER and _LATER.intersection(codes):
        response["headers"]["Retry-After"] = {"$ref": "#/components/headers/Retry-After-Known"}
    if pages:
        response["headers"] |= page_references()
    if empty:
        return response
    schema = {"allOf": [ERROR, {"properties": {"code": {"enum": codes}}}]}
    if status == 429:
        schema["allOf"].append({"required": ["retry_after"]})
    examples = {
        refusal.code: {
            "value": {"error": refusal.message, "code": refusal.code}
            | ({"retry_after": 42} if status == 429 else {})
        }
        for refusal in those
    }
    response["content"] = {JSON: {"schema": schema, "examples": examples}}
    if pages:
        response["content"][HTML] = {"schema": {"type": "string"}}
    return response


def _headers(status: int) -> tuple[str, ...]:
    return {
        401: ("WWW-Authenticate",),
        405: ("Allow",),
        429: ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Window"),
        503: ("Retry-After",),
    }.get(status, ())
