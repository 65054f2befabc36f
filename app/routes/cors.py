"""CORS for the browser frontend (WHATWG Fetch, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from flask.globals import request_ctx

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
_ALLOWED = {
    name.lower(): name
    for name in ("Content-Type", "Authorization", "X-Request-ID", "Origin", "Accept")
}
_EXPOSED = "Content-Length, X-Request-ID, Cache-Hit, Retry-After"
_MAX_AGE = "43200"
# Also on answers without the other headers: a cache must not give them to an allowed origin.
_VARY = ("Vary", "Origin")


def answer_preflights(app: Flask) -> None:
    """Answer preflights before any route, limit or token is looked at; on unknown paths too.

    Any other OPTIONS for a path that exists is told the methods (RFC 9110, section 9.3.7).
    """

    @app.before_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS":
            return None
        asked = _is_preflight(request.environ)
        if not asked and request.url_rule is None:
            return None  # 404
        answer = Response(status=204)
        del answer.headers["Content-Type"]  # Flask would declare no content to be HTML
        if not asked:
            answer.headers["Allow"] = ", ".join(sorted(_methods()))
        return answer


class Cors:
    """WSGI middleware: add the headers to every answer, whoever made it.

    Origins are exact, so a set decides; Flask-CORS would match patterns on each request, at a
    third of what a whole Flask view costs (docs/performance.md).
    """

    def __init__(self, app: WSGIApplication, origins: tuple[str, ...]) -> None:
        self._app = app
        self._any = origins == ("*",)
        self._headers = {origin: _headers(origin) for origin in origins}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        origin = environ.get("HTTP_ORIGIN")
        added: list[tuple[str, str]] = [] if self._any else [_VARY]
        if origin:
            allowed = self._headers.get("*" if self._any else origin)
            if allowed is not None:
                added = allowed
                if environ["REQUEST_METHOD"] == "OPTIONS" and _is_preflight(environ):
                    added = allowed + _preflight_headers(environ)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: object) -> object:
            headers += added
            return start_response(status, headers, *exc_info)  # type: ignore[arg-type]

        return self._app(environ, start)  # type: ignore[arg-type]


def _methods() -> Iterable[str]:
    adapter = request_ctx.url_adapter
    return () if adapter is None else adapter.allowed_methods()


def _headers(origin: str) -> list[tuple[str, str]]:
    headers = [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", _EXPOSED),
    ]
    return headers if origin == "*" else [*headers, _VARY]


def _is_preflight(environ: WSGIEnvironment) -> bool:
    return "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ


def _preflight_headers(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").split(",")
    names = {_ALLOWED.get(name.strip().lower()) for name in asked}
    headers = [("Access-Control-Allow-Methods", _METHODS), ("Access-Control-Max-Age", _MAX_AGE)]
    allowed = ", ".join(sorted(name for name in names if name))
    return [*headers, ("Access-Control-Allow-Headers", allowed)] if allowed else headers
