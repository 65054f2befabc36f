"""`/api`: create a link, tell where one leads, list one's own."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.links import Links
from app.model.errors import InvalidJson
from app.model.links import LinkList
from app.routes.answers import PreparedResponse, in_utc, json_answer, json_bytes
from app.routes.bodies import BodyReader
from app.routes.caller import optional_user, required_user
from app.routes.origins import Origins
from app.routes.schemas import CreateBody, KnownLink, NewLink, OwnedLink, OwnedLinks
from app.routes.visits import VisitAnswers
from app.storage.rate_limits import RateLimits
from app.tokens import Tokens

LONGEST_LIST = 2 << 20
"""Bytes of an answer that lists links; 10,000 links of the usual length have less."""


def links_blueprint(
    links: Links, tokens: Tokens, limits: RateLimits, visits: VisitAnswers, origins: Origins
) -> Blueprint:
    """Return the routes of the API for links."""
    blueprint = Blueprint("links", __name__, url_prefix="/api")
    bodies = BodyReader(CreateBody, InvalidJson, origins)

    @blueprint.post("/", strict_slashes=False)
    def create() -> Response:
        limits.general(request.remote_addr)
        owner = optional_user(request, tokens)
        body = bodies.read(request)
        code, new = links.shorten(body.url, owner=owner, request_host=request.host)
        if new:
            return json_answer(NewLink("URL shortened successfully", code), 201)
        return json_answer(KnownLink("URL already exists, returning existing short code", code))

    @blueprint.get("/<code>")
    def resolve(code: str) -> Response:
        limits.resolve(request.remote_addr)
        code = code.strip()  # as the Go service took it
        resolved = links.resolve(code)
        return PreparedResponse(visits.resolved(request.environ, code, resolved))

    @blueprint.get("/user/urls")
    def own() -> Response:
        limits.general(request.remote_addr)
        owner = required_user(request, tokens)
        return _list(links.owned_by(owner))

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
