"""How answers are written."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from flask import Response
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

json_bytes = msgspec.json.Encoder().encode


def json_answer(body: msgspec.Struct, status: int = 200) -> Response:
    """Return `body` as a JSON answer; no cache keeps it (security_headers.py)."""
    return Response(json_bytes(body), status, mimetype="application/json")


def empty_answer() -> Response:
    """Return the answer of what has nothing to tell."""
    answer = Response(status=204)
    del answer.headers["Content-Type"]  # there is no content
    return answer


def in_utc(moment: datetime) -> datetime:
    """Return a moment of the database in UTC; one without a zone already is."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Prepared(msgspec.Struct, frozen=True):
    """An answer whose headers are sent as they are, those for its content included."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def status_line(self) -> str:
        """The status as a WSGI server is told it."""
        return _status_line(self.status)


class PreparedResponse(Response):
    """Hands a prepared answer to Flask; Werkzeug would encode its `Location` anew."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__(prepared.body or None, prepared.status)
        self.headers = Headers(prepared.headers)

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:  # noqa: ARG002
        """Return the headers as they are."""
        return self.headers


@lru_cache(maxsize=8)
def _status_line(status: int) -> str:
    return Response(status=status).status
