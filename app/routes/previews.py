"""`/<code>+`, where a link leads, and `/<code>/qr.svg` and `.png`: nothing that counts."""

from __future__ import annotations

import hashlib
import html

from flask import Blueprint, Response, request

from app import qr_codes
from app.links import Links, Preview
from app.qr_codes import Kind, Look
from app.routes.admission import Admission
from app.routes.answers import in_utc
from app.routes.link_answers import LinkAnswers
from app.routes.pages import page
from app.states import QR_PARAMETER
from app.targets import location

PREVIEW_ENDPOINT = "previews.show"
_KEPT = "public, max-age=3600"
_TYPES: dict[Kind, str] = {"svg": "image/svg+xml", "png": "image/png"}


def previews_blueprint(links: Links, admission: Admission, answers: LinkAnswers) -> Blueprint:
    """Return the routes."""
    blueprint = Blueprint("previews", __name__)

    @blueprint.get("/<code>+")
    def show(code: str) -> Response:
        admission.visitor(request)
        preview = links.preview(code.strip())
        return page(
            "Where this link leads", _content(answers.short_url(request, preview.code), preview)
        )

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


def _content(short_url: str, preview: Preview) -> str:
    """Return the page's content: the target as text, and only behind it as a link."""
    since = ""
    if preview.created_at is not None:
        made = in_utc(preview.created_at)
        since = f'<p>Made on <time datetime="{made.isoformat()}">{made:%Y-%m-%d}</time>.</p>'
    title = f"<p><strong>{html.escape(preview.title)}</strong></p>" if preview.title else ""
    targets = "".join(
        f"<p><code>{html.escape(target)}</code></p>"
        f'<p><a rel="noopener noreferrer nofollow" href="{html.escape(location(target))}">'
        "Go there</a></p>"
        for target in preview.targets
    )
    several = (
        "<p>It leads to one of these, by device, language, country or query:</p>"
        if len(preview.targets) > 1
        else ""
    )
    svg = qr_codes.picture(f"{short_url}?{QR_PARAMETER}", "svg", Look(size=200)).decode()
    return (
        f"<p><code>{html.escape(short_url)}</code></p>{title}{several}{targets}{since}"
        f'<p role="img" aria-label="QR code of this short link">{svg}</p>'
    )
