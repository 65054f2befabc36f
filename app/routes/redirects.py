"""`/<code>`: the redirect itself."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.links import Links
from app.routes.answers import PreparedResponse
from app.routes.visits import VisitAnswers
from app.storage.rate_limits import RateLimits


def redirects_blueprint(links: Links, limits: RateLimits, visits: VisitAnswers) -> Blueprint:
    """Return the route that redirects."""
    blueprint = Blueprint("redirects", __name__)

    @blueprint.get("/<code>")
    def follow(code: str) -> Response:
        limits.resolve(request.remote_addr)
        code = code.strip()  # as the Go service took it
        resolved = links.resolve(code, visits.visitor(request.environ))
        return PreparedResponse(visits.redirect(request.environ, code, resolved))

    return blueprint
