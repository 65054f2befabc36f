"""`/api/openapi.json` and `/api/docs`."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request

from app.routes.openapi.document import document
from app.routes.openapi.page import STYLE, page
from app.routes.security_headers import page_headers
from app.storage.rate_limits import RateLimits

__all__ = ["document", "openapi_blueprint"]


def openapi_blueprint(limits: RateLimits, *, redirect_status: int) -> Blueprint:
    """Return the routes of the documentation; both answers are made once."""
    blueprint = Blueprint("openapi", __name__, url_prefix="/api")
    described = document(redirect_status)
    as_json = msgspec.json.encode(described)
    as_page = page(described).encode()
    headers = page_headers(STYLE)

    @blueprint.get("/openapi.json")
    def machines() -> Response:
        limits.resolve(request.remote_addr)
        return _kept(Response(as_json, mimetype="application/json"))

    @blueprint.get("/docs")
    def people() -> Response:
        limits.resolve(request.remote_addr)
        return _kept(Response(as_page, mimetype="text/html", headers=headers))

    return blueprint


def _kept(answer: Response) -> Response:
    """Let caches keep an answer that they ask about each time."""
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request.environ)
    return answer
