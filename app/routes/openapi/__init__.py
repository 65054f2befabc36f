"""`/api/openapi.json` and `/api/docs`."""

from __future__ import annotations

import re

import msgspec
from flask import Blueprint, Request, Response, request
from markupsafe import escape

from app.routes.openapi.document import document
from app.routes.openapi.page import STYLE, page
from app.routes.openapi.requests import BASE
from app.routes.security_headers import page_headers
from app.storage.rate_limits import RateLimits

__all__ = ["document", "openapi_blueprint"]

_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+")
_UNKNOWN = "https://short.example"


def openapi_blueprint(limits: RateLimits, *, redirect_status: int, base: str | None) -> Blueprint:
    """Return the routes of the documentation; both answers are made once.

    Requests to copy go to `base`, which is PUBLIC_BASE_URL, or to where the page was asked for.
    """
    blueprint = Blueprint("openapi", __name__, url_prefix="/api")
    described = document(redirect_status)
    as_json = msgspec.json.encode(described)
    as_page = page(described)
    headers = page_headers(STYLE)

    @blueprint.get("/openapi.json")
    def machines() -> Response:
        limits.resolve(request.remote_addr)
        return _kept(Response(as_json, mimetype="application/json"))

    @blueprint.get("/docs")
    def people() -> Response:
        limits.resolve(request.remote_addr)
        text = as_page.replace(escape(BASE), escape(base or _asked_for(request)))
        return _kept(Response(text, mimetype="text/html", headers=headers))

    return blueprint


def _asked_for(request: Request) -> str:
    """Return scheme and host of a request, if a shell can take them for nothing else."""
    address = f"{request.scheme}://{request.host}"
    return address if _ADDRESS.fullmatch(address) else _UNKNOWN


def _kept(answer: Response) -> Response:
    """Let caches keep an answer that they ask about each time."""
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request.environ)
    return answer
