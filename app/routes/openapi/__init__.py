"""`/api/openapi.json` and `/api/docs`."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cache, lru_cache

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


@dataclass(frozen=True, slots=True)
class _Content:
    """What is sent, plain and packed: to a tenth of its size."""

    plain: bytes
    packed: bytes


def openapi_blueprint(limits: RateLimits, *, redirect_status: int, base: str | None) -> Blueprint:
    """Return the routes of the documentation; both answers are made once, for the first who asks.

    Requests to copy go to `base`, which is PUBLIC_BASE_URL, or to where the page was asked for.
    """
    blueprint = Blueprint("openapi", __name__, url_prefix="/api")
    headers = page_headers(STYLE)

    @cache
    def as_json() -> _Content:
        return _packed(msgspec.json.encode(document(redirect_status)))

    @cache
    def text() -> str:
        return page(document(redirect_status))

    @lru_cache(maxsize=8)
    def as_page(address: str) -> _Content:
        return _packed(text().replace(BASE, escape(address)).encode())

    @blueprint.get("/openapi.json")
    def machines() -> Response:
        limits.resolve(request.remote_addr)
        return _kept(as_json(), "application/json")

    @blueprint.get("/docs")
    def people() -> Response:
        limits.resolve(request.remote_addr)
        answer = _kept(as_page(base or _asked_for(request)), "text/html")
        answer.headers.update(headers)
        return answer

    return blueprint


def _asked_for(request: Request) -> str:
    """Return scheme and host of a request, if a shell can take them for nothing else."""
    address = f"{request.scheme}://{request.host}"
    return address if _ADDRESS.fullmatch(address) else _UNKNOWN


def _packed(plain: bytes) -> _Content:
    return _Content(plain, gzip.compress(plain, mtime=0))  # the same from every worker


def _kept(content: _Content, media_type: str) -> Response:
    """Let caches keep an answer that they ask about each time."""
    packs = request.accept_encodings.quality("gzip") > 0
    answer = Response(content.packed if packs else content.plain, mimetype=media_type)
    if packs:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request.environ)
    return answer
