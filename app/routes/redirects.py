"""`/<code>`: the redirect itself."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.config import PERMANENT_REDIRECTS
from app.links import Links
from app.routes.answers import RedirectAnswer
from app.routes.security_headers import REDIRECT_REFERRER
from app.storage.rate_limits import RateLimits
from app.targets import location


def redirects_blueprint(links: Links, limits: RateLimits, *, status: int) -> Blueprint:
    """Return the route that redirects with `status`."""
    blueprint = Blueprint("redirects", __name__)
    permanent = status in PERMANENT_REDIRECTS

    @blueprint.get("/<code>")
    def follow(code: str) -> Response:
        limits.resolve(request.remote_addr)
        resolved = links.resolve(code)
        answer = RedirectAnswer(location(resolved.target), status)
        answer.headers["Cache-Hit"] = "true" if resolved.cache_hit else "false"
        answer.headers["Referrer-Policy"] = REDIRECT_REFERRER
        if permanent:
            # A permanent redirect without a limit would outlive every change of the link.
            answer.headers["Cache-Control"] = "private, max-age=90"
        return answer

    return blueprint
