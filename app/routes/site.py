"""What anybody asks of a site beside its links: `/`, `/robots.txt`, icons."""

from __future__ import annotations

from flask import Blueprint, Response, request
from markupsafe import Markup

from app.model.errors import NotFound
from app.routes.answers import Prepared, PreparedResponse, json_answer
from app.routes.pages import language_of, page, prefers_html
from app.routes.schemas import ErrorBody
from app.storage.rate_limits import RateLimits

ICONS = ("favicon.ico", "apple-touch-icon.png", "apple-touch-icon-precomposed.png")
"""Browsers ask for these unasked, once for each page they show."""
_ROBOTS = "User-agent: *\nDisallow: /api/\n"
_ABOUT = (
    "Short links live here: this address and six letters or digits lead to a longer one.",
    "If you were given a short link, it is not complete: ask whoever sent it.",
)
_TEXT = "\n".join((*_ABOUT, "For programs: /api/docs", ""))
_DOCS = Markup('<a href="/api/docs">/api/docs</a>')
_CONSOLE = Markup('<p><a href="/console/">{}</a></p>')
_KEPT = "public, max-age=86400"


def site_blueprint(limits: RateLimits, *, root: str | None, console: bool) -> Blueprint:
    """Return the routes; `/` redirects to `root`, or says what this is.

    `console`: whether there is a page to work with, to which a visitor is shown the way.
    """
    blueprint = Blueprint("site", __name__)

    @blueprint.get("/")
    def front() -> Response:
        limits.resolve(request.remote_addr)
        if root is not None:
            headers = [("Content-Length", "0"), ("Location", root)]
            return PreparedResponse(Prepared(302, headers, b""))
        if prefers_html(request):
            language = language_of(request.environ)
            own = _CONSOLE.format(language.labels["console"]) if console else Markup()
            return page("front", language, values={"docs": _DOCS}, content=own)
        return Response(_TEXT, mimetype="text/plain", headers={"Vary": "Accept"})

    @blueprint.get("/robots.txt")
    def robots() -> Response:
        limits.resolve(request.remote_addr)
        answer = Response(_ROBOTS, mimetype="text/plain")
        answer.headers["Cache-Control"] = _KEPT
        return answer

    for icon in ICONS:
        blueprint.add_url_rule(f"/{icon}", "icon", _no_icon)
    return blueprint


def _no_icon() -> Response:
    """Say for a day that there is none: no error, and nothing that counts as a visit."""
    answer = json_answer(ErrorBody(NotFound.message, NotFound.code), NotFound.status)
    answer.headers["Cache-Control"] = _KEPT
    return answer
