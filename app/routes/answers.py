"""How answers are written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from flask import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

_encode = msgspec.json.Encoder().encode


def json_answer(body: msgspec.Struct, status: int = 200) -> Response:
    """Return `body` as a JSON answer; no cache keeps it (security_headers.py)."""
    return Response(_encode(body), status, mimetype="application/json")


def in_utc(moment: datetime) -> datetime:
    """Return a moment of the database in UTC; one without a zone already is."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class RedirectAnswer(Response):
    """A redirect whose `Location` is sent as it is: Werkzeug would encode it anew."""

    def __init__(self, location: str, status: int) -> None:
        super().__init__(status=status)
        del self.headers["Content-Type"]  # there is no content
        self.target = location

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Add the `Location` to the headers that Werkzeug makes."""
        headers = super().get_wsgi_headers(environ)
        headers["Location"] = self.target
        return headers
