"""An application whose answers are long; how they are sent does not depend on what they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LARGE = 24 << 20
"""Bytes; more than a worker holds for all clients."""
SMALLER = 512 * 1024
CHUNK = 64 * 1024
_ONE_PIECE = b"x" * LARGE


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer `/large` and `/smaller` in one piece, `/chunks` in many, anything else shortly."""
    path = environ["PATH_INFO"]
    if path == "/chunks":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (_ONE_PIECE[:CHUNK] for _ in range(LARGE // CHUNK))
    size = {"/large": LARGE, "/smaller": SMALLER}.get(path, 5)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(size))])
    return [_ONE_PIECE[:size]]
