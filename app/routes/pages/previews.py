"""Where a link leads, shown before anybody goes there."""

from __future__ import annotations

from typing import NamedTuple

from flask import Request, Response
from markupsafe import Markup

from app.links import Preview
from app.routes.answers import in_utc
from app.routes.pages.answers import page, template
from app.routes.pages.languages import language_of
from app.targets import host_of, location

_CONTENT = template("preview.html")


class _Shown(NamedTuple):
    host: str | None
    """As it is compared: a name in other letters than it seems to have is seen to be one."""
    url: str
    address: str


def preview_page(request: Request, preview: Preview, short_url: str, drawn: str) -> Response:
    """Return the page: each target as text, and only behind it as a link.

    `drawn` is the QR code as SVG. InvalidUrl for a target that is too long to be sent.
    """
    language = language_of(request.environ)
    made = None if preview.created_at is None else in_utc(preview.created_at)
    content = _CONTENT.render(
        labels=language.labels,
        short_url=short_url,
        title=preview.title,
        targets=[_Shown(host_of(url), url, location(url)) for url in preview.targets],
        made=made,
        day=made and language.date(made),
        picture=Markup(drawn),  # noqa: S704  # drawn by us, of squares alone
    )
    return page("preview", language, content=Markup(content))  # noqa: S704  # escaped in there
