"""What visitors see: small, self-contained pages in their language, with nothing to run.

Each page is rendered once for a language; a request fills in the few values that are its own.
"""

from __future__ import annotations

from app.routes.pages.answers import page, prefers_html
from app.routes.pages.error_pages import error_page
from app.routes.pages.languages import language_of
from app.routes.pages.previews import preview_page
from app.routes.pages.stylesheets import stylesheet

__all__ = ["error_page", "language_of", "page", "prefers_html", "preview_page", "stylesheet"]
