"""`/api`: tell where a link leads, list one's own."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.links import Links
from app.model.callers import Scope
from app.model.links import LinkList
from app.routes.admission import Admission
from app.routes.answers import PreparedResponse, in_utc, json_bytes
from app.routes.direct_way import Visiting
from app.routes.schemas import OwnedLink, OwnedLinks

LONGEST_LIST = 2 << 20
"""Bytes of an answer that lists links; 10,000 links of the usual length have less."""


def links_blueprint(links: Links, admission: Admission, visiting: Visiting) -> Blueprint:
    """Return the routes of the API for links."""
    blueprint = Blueprint("links", __name__, url_prefix="/api")

    @blueprint.get("/<code>")
    def resolve(code: str) -> Response:
        code = code.strip()  # as the Go service took it
        return PreparedResponse(visiting.follow(request.environ, code, api=True))

    @blueprint.get("/user/urls")
    def own() -> Response:
        caller = admission.owner(request, Scope.LINKS_READ)
        return _list(links.owned_by(caller.user, caller.tag))

    return blueprint


def _list(found: LinkList) -> Response:
    urls = [
        OwnedLink(link.code, link.target, link.created_at and in_utc(link.created_at))
        for link in found.links
    ]
    answer = OwnedLinks("User URLs retrieved successfully", urls, found.truncated)
    body = json_bytes(answer)
    while len(body) > LONGEST_LIST:
        # JSON takes six bytes for a control character, of which old targets may be full.
        urls = urls[: len(urls) * LONGEST_LIST // len(body)]
        answer = OwnedLinks(answer.message, urls, truncated=True)
        body = json_bytes(answer)
    return Response(body, mimetype="application/json")
