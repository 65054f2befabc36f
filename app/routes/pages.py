"""Pages for people: small, self-contained, with nothing to load or to run."""

from __future__ import annotations

from flask import Request, Response

from app.routes.security_headers import page_headers

_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width">{head}'
    "<title>{title}</title><style>{style}</style></head><body>"
    "<h1>{title}</h1>{content}</body></html>"
)
_NO_INDEX = '<meta name="robots" content="noindex">'
_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}"
    "small{color:#666}code{overflow-wrap:anywhere}"
)
_HEADERS = {**page_headers(_STYLE), "Vary": "Accept"}


def page(title: str, content: str, status: int = 200, *, indexed: bool = False) -> Response:
    """Return a page for who `prefers_html`; title and content are HTML, what is foreign escaped."""
    text = _PAGE.format(
        head="" if indexed else _NO_INDEX, title=title, style=_STYLE, content=content
    )
    return Response(text, status, mimetype="text/html", headers=_HEADERS)


def prefers_html(request: Request) -> bool:
    """Tell a browser that shows pages from a program."""
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]
