"""`/api`: create a link, tell where one leads, list one's own."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.links import Links
from app.model import InvalidJson
from app.routes.answers import json_answer, private, utc_text
from app.routes.bodies import BodyReader, CreateBody
from app.routes.caller import optional_user, required_user
from app.storage.rate_limits import RateLimits
from app.tokens import Tokens


def links_blueprint(links: Links, tokens: Tokens, limits: RateLimits) -> Blueprint:
    """Return the routes of the API for links."""
    blueprint = Blueprint("links", __name__, url_prefix="/api")
    bodies = BodyReader(CreateBody, InvalidJson)

    @blueprint.post("/", strict_slashes=False)
    def create() -> Response:
        limits.general(request.remote_addr)
        owner = optional_user(request, tokens)
        body = bodies.read(request)
        code, new = links.shorten(body.url, owner=owner, request_host=request.host)
        if new:
            message = "URL shortened successfully"
            return json_answer({"message": message, "short_code": code}, 201)
        message = "URL already exists, returning existing short code"
        return json_answer({"message": message, "short_code": code})

    @blueprint.get("/<code>")
    def resolve(code: str) -> Response:
        limits.resolve(request.remote_addr)
        resolved = links.resolve(code)
        body = {"message": "URL retrieved successfully", "url": resolved.target}
        answer = json_answer(body)
        answer.headers["Cache-Hit"] = "true" if resolved.cache_hit else "false"
        return answer

    @blueprint.get("/user/urls")
    def own() -> Response:
        limits.general(request.remote_addr)
        owner = required_user(request, tokens)
        urls = [
            {"id": link.code, "url": link.target, "created_at": utc_text(link.created_at)}
            for link in links.owned_by(owner)
        ]
        return private(json_answer({"message": "User URLs retrieved successfully", "urls": urls}))

    return blueprint
