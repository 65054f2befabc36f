"""`X-Request-ID` on every request and every answer; security headers on the answer."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from app.routes.security_headers import complete

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestIds:
    """WSGI middleware: keep a well-formed id of the client's, else make one.

    Whatever runs inside finds it where the header is: `environ["HTTP_X_REQUEST_ID"]`.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        id_ = request_id(environ)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: object) -> object:
            headers.append(("X-Request-ID", id_))
            # ProxyFix has set the scheme meanwhile, if a proxy of ours said it.
            complete(status, headers, tls=environ["wsgi.url_scheme"] == "https")
            return start_response(status, headers, *exc_info)  # type: ignore[arg-type]

        return self._app(environ, start)  # type: ignore[arg-type]


def request_id(environ: WSGIEnvironment) -> str:
    """Return the request's id, a new one unless the client's is well-formed."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    if _ACCEPTED.fullmatch(given):
        return given
    made = environ["HTTP_X_REQUEST_ID"] = os.urandom(16).hex()
    return made
