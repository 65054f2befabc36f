"""Paths as clients of the Go service may write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from werkzeug.routing import PathConverter

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SLASHES = re.compile("//+")
# The path of a request's target as it was sent (RFC 9112, section 3.2).
_RAW_PATH = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*)?([^?#]*)")


class MergedSlashes:
    """WSGI middleware: take several slashes for one, as gin's RemoveExtraSlash did.

    Without a redirect: Werkzeug's own way of merging would send `//evil.example` somewhere. Slashes
    that came percent-encoded part nothing and stay (RFC 3986, section 2.2): tags may hold them.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        if "//" in environ["PATH_INFO"]:
            environ["PATH_INFO"] = _merged(environ)
        return self._app(environ, start_response)


class AnyText(PathConverter):
    """A last part of a path with slashes anywhere in it, also where it begins."""

    regex = ".+"
    part_isolating = False


def _merged(environ: WSGIEnvironment) -> str:
    path: str = environ["PATH_INFO"]
    raw: str = environ.get("RAW_URI", "")
    sent = _RAW_PATH.match(raw)
    # A server may have taken what is before the path for a part of it, or away.
    if sent is None or "%2f" not in raw.lower() or _decoded(sent[1]) != path:
        return _SLASHES.sub("/", path)
    return _decoded(_SLASHES.sub("/", sent[1]))


def _decoded(path: str) -> str:
    """Return a path as WSGI has it (PEP 3333)."""
    return unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
