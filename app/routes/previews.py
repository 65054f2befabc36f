"""`/<code>+`, where a link leads, and `/<code>/qr.svg` and `.png`: nothing that counts."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, request

from app import qr_codes
from app.links import Links
from app.qr_codes import Kind, Look
from app.routes.admission import Admission
from app.routes.link_answers import LinkAnswers
from app.routes.pages import preview_page
from app.states import QR_PARAMETER

_SIDE = 180
_KEPT = "public, max-age=3600"
_TYPES: dict[Kind, str] = {"svg": "image/svg+xml", "png": "image/png"}


def previews_blueprint(links: Links, admission: Admission, answers: LinkAnswers) -> Blueprint:
    """Return the routes."""
    blueprint = Blueprint("previews", __name__)

    @blueprint.get("/<code>+")
    def show(code: str) -> Response:
        admission.visitor(request)
        preview = links.preview(code.strip())
        short_url = answers.short_url(request, preview.code)
        drawn = qr_codes.picture(f"{short_url}?{QR_PARAMETER}", "svg", Look(size=_SIDE))
        return preview_page(request, preview, short_url, drawn.decode())

    @blueprint.get("/<code>/qr.svg")
    def svg(code: str) -> Response:
        return picture(code, "svg")

    @blueprint.get("/<code>/qr.png")
    def png(code: str) -> Response:
        return picture(code, "png")

    def picture(code: str, kind: Kind) -> Response:
        admission.visitor(request)
        style = qr_codes.look(request.args)
        found = links.look_at(code.strip())
        content = f"{answers.short_url(request, found)}?{QR_PARAMETER}"
        answer = Response(qr_codes.picture(content, kind, style), mimetype=_TYPES[kind])
        answer.headers["Cache-Control"] = _KEPT
        answer.headers["Content-Disposition"] = f'inline; filename="{found}.{kind}"'
        answer.set_etag(_tag(content, style))
        answer.make_conditional(request.environ)
        return answer

    return blueprint


def _tag(content: str, style: Look) -> str:
    return hashlib.sha256(f"{content} {style}".encode()).hexdigest()[:16]
