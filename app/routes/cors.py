"""CORS for the browser frontend (WHATWG Fetch, section 3.2)."""

from __future__ import annotations

import re

from flask import Flask, Response, request
from flask_cors import CORS

_METHODS = ["GET", "POST", "PATCH", "DELETE", "OPTIONS"]
_ALLOWED = ["Content-Type", "Authorization", "X-Request-ID", "Origin", "Accept"]
_EXPOSED = ["Content-Length", "X-Request-ID", "Cache-Hit", "Retry-After"]
_MAX_AGE = 43200


def allow_origins(app: Flask, origins: tuple[str, ...]) -> None:
    """Answer preflights, on unknown paths too, and add the headers to every answer."""

    @app.before_request
    def preflight() -> Response | None:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            answer = Response(status=204)
            del answer.headers["Content-Type"]
            return answer
        return None

    CORS(
        app,
        origins="*" if origins == ("*",) else [_exactly(origin) for origin in origins],
        methods=_METHODS,
        allow_headers=_ALLOWED,
        expose_headers=_EXPOSED,
        max_age=_MAX_AGE,
        always_send=False,
    )


def _exactly(origin: str) -> re.Pattern[str]:
    # Flask-CORS guesses by its characters whether a string is a pattern; [::1] would be one.
    return re.compile(re.escape(origin) + r"\Z")
