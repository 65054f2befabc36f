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


def json_answer(body: object, status: int = 200) -> Response:
    """Return `body` (a msgspec struct or plain values) as a JSON answer."""
    return Response(_encode(body), status, mimetype="application/json")


def private(answer: Response) -> Response:
    """Mark an answer that no cache may keep: it holds a token or somebody's own data."""
    answer.headers["Cache-Control"] = "no-store"
    return answer


def utc_text(moment: datetime | None) -> str | None:
    """Return a moment of the database as RFC 3339 in UTC; one without a zone is in UTC."""
    if moment is None:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}Z"


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
