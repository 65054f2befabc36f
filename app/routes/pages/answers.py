"""A page as an answer: in the visitor's language, with the few values of the request."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from string import Template

import jinja2
from flask import Request, Response
from markupsafe import Markup, escape

from app.routes.pages.languages import LANGUAGES, Language
from app.routes.pages.stylesheets import stylesheet
from app.routes.security_headers import page_headers

_STYLE = stylesheet("look.css", "pages/page.css")
_HEADERS = {**page_headers(_STYLE), "Vary": "Accept-Language, Accept"}
_PICTURES = {
    "link": '<path d="M19 29 29 19"/>'
    '<path d="m22 14 4-4a8.5 8.5 0 0 1 12 12l-4 4M26 34l-4 4a8.5 8.5 0 0 1-12-12l4-4"/>',
    "broken": '<path d="m22 14 4-4a8.5 8.5 0 0 1 12 12l-4 4M26 34l-4 4a8.5 8.5 0 0 1-12-12l4-4"/>'
    '<path d="M17 7v5M7 17h5M31 41v-5M41 31h-5"/>',
    "clock": '<circle cx="24" cy="24" r="17"/><path d="M24 14v10l7 4"/>',
}
_DRAWN = (
    '<svg viewBox="5 5 38 38" fill="none" stroke="currentColor" stroke-width="3"'
    ' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{}</svg>'
)
_PICTURE_OF = {
    "front": "link",
    "preview": "link",
    "not_started": "clock",
    "too_many": "clock",
    "unavailable": "clock",
}
_NO_ERRORS = frozenset({"front", "preview"})
_INDEXED = frozenset({"front"})
_NOTHING = Markup()
_NO_VALUES: Mapping[str, str] = {}


def template(name: str) -> jinja2.Template:
    """Return a file of this folder, compiled; what it is given is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    file = files("app.routes.pages").joinpath(name)
    return environment.from_string(file.read_text(encoding="utf-8"))


def _rendered() -> dict[tuple[str, str], Template]:
    layout = template("page.html")
    return {
        (language.tag, kind): Template(
            layout.render(
                language=language,
                text=text,
                parts=[
                    (text.why_label or language.labels["why"], text.why),
                    (text.do_label or language.labels["do"], text.do),
                ],
                # A file and drawings of ours: their quotes must stay quotes.
                style=Markup(_STYLE),  # noqa: S704
                picture=Markup(_DRAWN.format(_PICTURES[_PICTURE_OF.get(kind, "broken")])),  # noqa: S704
                indexed=kind in _INDEXED,
                quoted=kind not in _NO_ERRORS,
            )
        )
        for language in LANGUAGES.values()
        for kind, text in language.texts.items()
    }


_PAGES = _rendered()


def page(
    kind: str,
    language: Language,
    status: int = 200,
    *,
    values: Mapping[str, str] = _NO_VALUES,
    content: Markup = _NOTHING,
) -> Response:
    """Return a page for who `prefers_html`, in a language; what it is given is escaped.

    `values` replace the marks of the words; `content` comes behind what happened, and is HTML.
    """
    filled = {name: escape(value) for name, value in values.items()}
    text = _PAGES[language.tag, kind].substitute(filled, content=content)
    headers = {**_HEADERS, "Content-Language": language.tag}
    return Response(text, status, mimetype="text/html", headers=headers)


def prefers_html(request: Request) -> bool:
    """Tell a browser that shows pages from a program."""
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]
