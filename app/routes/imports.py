"""`/api/imports`: uploads of links, part by part."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from flask import Blueprint, Request, Response, request

from app.links import Links
from app.model.callers import Scope
from app.model.errors import InvalidJson, InvalidQuery, NotFound, UnsupportedMediaType
from app.model.transfers import Announced, Import
from app.routes.admission import Admission
from app.routes.answers import in_utc, json_answer
from app.routes.bodies import BodyReader, content
from app.routes.origins import Origins
from app.routes.schemas_transfer import (
    ImportAnswer,
    ImportBody,
    ImportList,
    OneImport,
    RefusalAnswer,
    RefusalList,
)
from app.storage.creations import CreationCounts
from app.transfer.importing import LONGEST_PART, Importing

OFFSET = "Upload-Offset"
PART_TYPE = "application/octet-stream"
MOST_REFUSALS = 1_000
_USUAL_REFUSALS = 100
_LARGEST = 2**53


def imports_blueprint(
    importing: Importing,
    links: Links,
    admission: Admission,
    origins: Origins,
    counts: CreationCounts,
) -> Blueprint:
    """Return the routes."""
    blueprint = Blueprint("imports", __name__, url_prefix="/api/imports")
    bodies = BodyReader(ImportBody, InvalidJson, origins)

    @blueprint.post("")
    def begin() -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        body = bodies.read(request)
        file = Announced(body.format, body.size, body.name, body.digest)
        begun, new = importing.begin(caller, file)
        message = "Import created" if new else "Import found"
        return _one(begun, message, 201 if new else 200)

    @blueprint.get("")
    def newest() -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        found = [_answer(each) for each in importing.newest(caller)]
        return json_answer(ImportList("Imports retrieved successfully", found))

    @blueprint.get("/<import_id>")
    def show(import_id: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        return _one(importing.get(_id(import_id), caller))

    @blueprint.patch("/<import_id>")
    def take(import_id: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        if request.mimetype != PART_TYPE:
            raise UnsupportedMediaType(f"a part must be {PART_TYPE}")
        request.max_content_length = LONGEST_PART
        offset = _number(request.headers.get(OFFSET), OFFSET, _LARGEST)
        accept = partial(links.accept, request_host=request.host)
        part = content(request)
        told, targets = importing.take(_id(import_id), caller, offset, part, accept)
        for target in targets:
            counts.add(request.remote_addr, target)
        return _one(told)

    @blueprint.delete("/<import_id>")
    def give_up(import_id: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        importing.give_up(_id(import_id), caller)
        answer = Response(status=204)
        del answer.headers["Content-Type"]  # there is no content
        return answer

    @blueprint.get("/<import_id>/refusals")
    def refusals(import_id: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        after, limit = _page(request)
        found = importing.refusals(_id(import_id), caller, after, limit)
        listed = [RefusalAnswer(each.line, each.code, each.reason) for each in found]
        following = found[-1].line if len(found) == limit else None
        return json_answer(RefusalList("Refusals retrieved successfully", listed, following))

    return blueprint


def _one(
    found: Import, message: str = "Import retrieved successfully", status: int = 200
) -> Response:
    answer = json_answer(OneImport(message, _answer(found)), status)  # type: ignore[arg-type]
    answer.headers[OFFSET] = str(found.offset)
    return answer


def _answer(found: Import) -> ImportAnswer:
    return ImportAnswer(
        id=found.id,
        format=found.format,
        name=found.name,
        size=found.size,
        offset=found.offset,
        state="done" if found.is_done else "open",
        links=found.links,
        unchanged=found.unchanged,
        refused=found.refused,
        created_at=in_utc(found.created_at),
        changed_at=in_utc(found.changed_at),
    )


def _page(request: Request) -> tuple[int, int]:
    after = _number(request.args.get("after", "0"), "after", _LARGEST)
    limit = _number(request.args.get("limit", str(_USUAL_REFUSALS)), "limit", MOST_REFUSALS)
    if not limit:
        raise InvalidQuery("limit must be at least 1")
    return after, limit


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _number(text: str | None, name: str, most: int) -> int:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 17:
        raise InvalidQuery(f"{name} must be a number")
    number = int(text)
    if number > most:
        raise InvalidQuery(f"{name} must be at most {most}")
    return number
