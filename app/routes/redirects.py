"""`/<code>`: the redirect itself."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.routes.answers import PreparedResponse
from app.routes.direct_way import Visiting


def redirects_blueprint(visiting: Visiting) -> Blueprint:
    """Return the route that redirects."""
    blueprint = Blueprint("redirects", __name__)

    @blueprint.get("/<code>")
    def follow(code: str) -> Response:
        code = code.strip()  # as the Go service took it
        return PreparedResponse(visiting.follow(request.environ, code, api=False))

    return blueprint
