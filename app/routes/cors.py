"""CORS for the browser frontend (WHATWG Fetch, section 3.2), as Flask-CORS decides it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from flask.globals import request_ctx
from flask_cors.core import get_cors_headers, get_cors_options
from werkzeug.datastructures import Headers

from app import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_METHODS = ["GET", "POST", "PATCH", "DELETE", "OPTIONS"]
_ALLOWED = [
    "Content-Type",
    "Authorization",
    "X-Request-ID",
    "Origin",
    "Accept",
    "If-Match",
    "Idempotency-Key",
    "X-API-Key",
    "Upload-Offset",
]
_EXPOSED = [
    "Content-Length",
    "X-Request-ID",
    "Cache-Hit",
    "Retry-After",
    "ETag",
    "Content-Disposition",
    "Upload-Offset",
    "X-Total-Links",
]
_MAX_AGE = 43200
_DECISIONS = 256
# Also on answers without the other headers: a cache must not give them to an allowed origin.
_VARY = ("Vary", "Origin")
_ALLOW_ORIGIN = "Access-Control-Allow-Origin"
_PREFLIGHT = "HTTP_ACCESS_CONTROL_REQUEST_METHOD"


def answer_preflights(app: Flask) -> None:
    """Answer preflights before any route, limit or token is looked at; on unknown paths too.

    Any other OPTIONS for a path that exists is told the methods (RFC 9110, section 9.3.7).
    """

    @app.before_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS":
            return None
        asked = _PREFLIGHT in request.environ
        if not asked and request.url_rule is None:
            return None  # 404
        answer = Response(status=204)
        del answer.headers["Content-Type"]  # Flask would declare no content to be HTML
        if not asked:
            answer.headers["Allow"] = ", ".join(sorted(_methods()))
        return answer


class Cors:
    """WSGI middleware: add the headers to every answer, whoever made it.

    Flask-CORS decides; what it decided for the same question is remembered, for it would match
    patterns on each request, at a third of what a whole Flask view costs (docs/performance.md).
    """

    def __init__(self, app: Flask, origins: tuple[str, ...]) -> None:
        self._app = app.wsgi_app
        self._any = origins == ("*",)
        self._options = get_cors_options(
            app,
            {
                "origins": "*" if self._any else [_exactly(origin) for origin in origins],
                "methods": _METHODS,
                "allow_headers": _ALLOWED,
                "expose_headers": _EXPOSED,
                "max_age": _MAX_AGE,
                "send_wildcard": True,
                "always_send": False,
                "vary_header": False,
            },
        )
        self._decide = lru_cache(maxsize=_DECISIONS)(self._ask_flask_cors)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        added = self.headers(environ)
        if environ["REQUEST_METHOD"] == "OPTIONS" and _PREFLIGHT in environ:
            metrics.record_preflight(allowed=any(name == _ALLOW_ORIGIN for name, _ in added))

        def start(status: str, headers: list[tuple[str, str]], *exc_info: object) -> object:
            headers += added
            return start_response(status, headers, *exc_info)  # type: ignore[arg-type]

        return self._app(environ, start)  # type: ignore[arg-type]

    def headers(self, environ: WSGIEnvironment) -> tuple[tuple[str, str], ...]:
        """Return the headers for the answer to a request."""
        asked = environ.get(_PREFLIGHT) if environ["REQUEST_METHOD"] == "OPTIONS" else None
        return self._decide(
            environ.get("HTTP_ORIGIN"),
            asked,
            None if asked is None else environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"),
        )

    def _ask_flask_cors(
        self, origin: str | None, method: str | None, names: str | None
    ) -> tuple[tuple[str, str], ...]:
        vary = () if self._any else (_VARY,)
        if not origin:
            return vary
        headers = Headers([("Origin", origin)])
        if method is not None:
            headers["Access-Control-Request-Method"] = method
            headers["Access-Control-Request-Headers"] = names or ""
        decided = get_cors_headers(
            self._options, headers, request_method="GET" if method is None else "OPTIONS"
        )
        return (*((name, str(value)) for name, value in decided.items()), *vary)


def _exactly(origin: str) -> re.Pattern[str]:
    # Flask-CORS guesses by its characters whether a string is a pattern; [::1] would be one.
    return re.compile(re.escape(origin) + r"\Z")


def _methods() -> Iterable[str]:
    adapter = request_ctx.url_adapter
    return () if adapter is None else adapter.allowed_methods()
