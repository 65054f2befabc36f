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
        request_id = environ.get("HTTP_X_REQUEST_ID", "")
        if not _ACCEPTED.fullmatch(request_id):
            request_id = os.urandom(16).hex()
            environ["HTTP_X_REQUEST_ID"] = request_id

        def start(status: str, headers: list[tuple[str, str]], *exc_info: object) -> object:
            headers.append(("X-Request-ID", request_id))
            # ProxyFix has set the scheme meanwhile, if a proxy of ours said it.
            complete(status, headers, tls=environ["wsgi.url_scheme"] == "https")
            return start_response(status, headers, *exc_info)  # type: ignore[arg-type]

        return self._app(environ, start)  # type: ignore[arg-type]
