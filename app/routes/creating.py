"""`POST /api/`, one link, and `POST /api/links/bulk`, many with one answer for each."""

from __future__ import annotations

import math
import time
from functools import partial

import msgspec
from flask import Blueprint, Request, Response, request
from flask.globals import request_ctx

from app.model.callers import Caller, Scope
from app.model.errors import DatabaseUnavailable, InvalidJson, InvalidLink, ServiceError
from app.nesting import DEEPEST, is_too_deep
from app.repeating import Answer
from app.routes.admission import Admission
from app.routes.answers import json_bytes
from app.routes.bodies import LONGEST_OF_OWNERS, BodyReader
from app.routes.creation import LinkCreation
from app.routes.origins import Origins
from app.routes.repeats import Repeats
from app.routes.schemas import BulkAnswer, BulkLink, CreateBody, NewLink
from app.storage.managed_links import Place

MOST = 1_000
COUNTED_AS_ONE = 100
"""Links of a bulk that the rate limit counts as one request."""
DEADLINE = 20.0
"""Seconds after which what is left is refused for now; below the lease of a key."""

_as_written = msgspec.json.Decoder().decode
_in_order = msgspec.json.Encoder(order="deterministic").encode
_Read = CreateBody | ServiceError
"""A link of a bulk, or why it is none."""


class _Links(msgspec.Struct, frozen=True):
    """A bulk whose links are read one by one: one that makes no sense leaves the others."""

    links: list[msgspec.Raw]


def creating_blueprint(
    creation: LinkCreation, repeats: Repeats, admission: Admission, origins: Origins
) -> Blueprint:
    """Return the routes that make links."""
    blueprint = Blueprint("creating", __name__, url_prefix="/api")
    bodies = BodyReader(CreateBody, InvalidJson, origins, unknown=InvalidLink)
    # Two levels around a link: each may be as deep as alone.
    bulks = BodyReader(_Links, InvalidJson, origins, deepest=DEEPEST + 2)

    @blueprint.post("/", strict_slashes=False)
    def create() -> Response:
        asked = request_ctx.request  # not the proxy: it would be followed fifteen times
        caller = admission.anybody(asked, Scope.LINKS_WRITE)
        if caller is not None:
            asked.max_content_length = LONGEST_OF_OWNERS
        body = bodies.read(asked)

        def make(number: int | None) -> Answer:
            place = None if number is None else Place(number, 0)
            made = creation.create(asked, body, caller, place)
            return 201 if isinstance(made, NewLink) else 200, json_bytes(made), True

        return repeats.answer(asked, caller, partial(json_bytes, body), make)

    @blueprint.post("/links/bulk")
    def create_many() -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        request.max_content_length = LONGEST_OF_OWNERS
        links = bulks.read(request).links
        if not 1 <= len(links) <= MOST:
            raise InvalidJson(f"links must be 1 to {MOST}")
        for _ in range(math.ceil(len(links) / COUNTED_AS_ONE) - 1):
            admission.count(request, caller)
        read = [_read(bodies, link) for link in links]

        def make(number: int | None) -> Answer:
            made, settled = _create_all(creation, request, read, caller, number)
            return 200, json_bytes(BulkAnswer(made)), settled

        return repeats.answer(request, caller, lambda: _content(links, read), make)

    return blueprint


def _create_all(
    creation: LinkCreation,
    request: Request,
    links: list[_Read],
    caller: Caller,
    number: int | None,
) -> tuple[list[BulkLink], bool]:
    """Make one link after the other; tell whether no answer is only for now."""
    ends = time.monotonic() + DEADLINE
    answers: list[BulkLink] = []
    settled = True
    for at, link in enumerate(links):
        place = None if number is None else Place(number, at)
        try:
            if time.monotonic() > ends:
                raise DatabaseUnavailable("the request took too long")
            if isinstance(link, ServiceError):
                raise link
            made = creation.create(request, link, caller, place)
        except ServiceError as error:
            settled = settled and error.status < 500
            answers.append(
                BulkLink(
                    error.status,
                    error=error.explained,
                    code=error.code,
                    details=error.details,
                )
            )
        else:
            status = 201 if isinstance(made, NewLink) else 200
            answers.append(BulkLink(status, made.short_code, made.link))
    return answers, settled


def _read(bodies: BodyReader[CreateBody], link: msgspec.Raw) -> _Read:
    """Return a link as `POST /api/` reads it, or what it would refuse it with."""
    try:
        return bodies.read_part(link, "link")
    except ServiceError as error:
        return error


def _content(links: list[msgspec.Raw], read: list[_Read]) -> bytes:
    """Return what makes two bulks the same: what their links say, however that is written."""
    said = [
        _said(link) if isinstance(each, ServiceError) else each
        for link, each in zip(links, read, strict=True)
    ]
    return b"bulk" + json_bytes(said)


def _said(link: msgspec.Raw) -> bytes:
    """Return a link that is none without its spaces and the order of its names."""
    written = bytes(link)
    if is_too_deep(written):
        return written
    try:
        return _in_order(_as_written(written))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return written
