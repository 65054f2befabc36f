"""`/api/links` and `/api/tags`: what the caller has."""

from __future__ import annotations

from flask import Blueprint, Request, Response, request

from app.listing import ListQuery, Lists
from app.model.callers import Scope
from app.model.errors import InvalidJson
from app.routes.admission import Admission
from app.routes.answers import json_answer
from app.routes.bodies import BodyReader
from app.routes.link_answers import LinkAnswers
from app.routes.origins import Origins
from app.routes.schemas import LinkPage, TagBody, TagList, TagPatch


def lists_blueprint(
    lists: Lists, admission: Admission, answers: LinkAnswers, origins: Origins
) -> Blueprint:
    """Return the routes that list."""
    blueprint = Blueprint("lists", __name__, url_prefix="/api")
    patches = BodyReader(TagPatch, InvalidJson, origins)

    @blueprint.get("/links")
    def links() -> Response:
        caller = admission.owner(request, Scope.LINKS_READ)
        found, cursor = lists.links(caller, _query(request))
        return json_answer(LinkPage([answers.body(request, link) for link in found], cursor))

    @blueprint.get("/tags")
    def tags() -> Response:
        found = lists.tags(admission.owner(request, Scope.LINKS_READ))
        return json_answer(TagList([TagBody(tag.name, tag.links) for tag in found]))

    @blueprint.patch("/tags/<text:tag>")
    def rename(tag: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        renamed = lists.rename_tag(caller, tag, patches.read(request).name)
        return json_answer(TagBody(renamed.name, renamed.links))

    return blueprint


def _query(request: Request) -> ListQuery:
    given = request.args.get
    return ListQuery(
        search=given("search"),
        tag=given("tag"),
        state=given("state"),
        sort=given("sort"),
        limit=given("limit"),
        cursor=given("cursor"),
    )
