"""Answers that gunicorn gives without the application, in the service's JSON shape."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from gunicorn import util
from gunicorn.http import errors

from app.routes import security_headers
from app.server.hosts import InvalidHost


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One refusal: what HTTP and what our own clients call it."""

    status: int
    reason: str
    code: str
    error: str

    def encode(self, request_id: str) -> bytes:
        """Return the whole answer as it goes over the wire; the connection ends with it."""
        body = json.dumps({"error": self.error, "code": self.code}, separators=(",", ":"))
        headers = [
            ("Server", "gunicorn"),
            ("Date", util.http_date()),
            ("Connection", "close"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Request-ID", request_id),
        ]
        # Over TLS or not: nobody trustworthy has said.
        security_headers.complete(str(self.status), headers, tls=False)
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode("latin-1")


INTERNAL_ERROR = RawAnswer(500, "Internal Server Error", "INTERNAL_ERROR", "Internal server error")
TIMEOUT = RawAnswer(408, "Request Timeout", "REQUEST_TIMEOUT", "The request took too long to come")
_MALFORMED = RawAnswer(400, "Bad Request", "BAD_REQUEST", "Malformed request")
# The first match counts; what matches nothing was raised by the application.
_ANSWERS: tuple[tuple[type[Exception], RawAnswer], ...] = (
    (errors.InvalidResponseHeader, INTERNAL_ERROR),
    (errors.InvalidResponseHeaderName, INTERNAL_ERROR),
    (errors.ConfigurationProblem, INTERNAL_ERROR),
    (errors.LimitRequestLine, RawAnswer(414, "URI Too Long", "URI_TOO_LONG", "URI too long")),
    (
        errors.LimitRequestHeaders,
        RawAnswer(431, "Request Header Fields Too Large", "HEADERS_TOO_LARGE", "Headers too large"),
    ),
    (
        errors.UnsupportedTransferCoding,
        RawAnswer(501, "Not Implemented", "NOT_IMPLEMENTED", "Unsupported transfer coding"),
    ),
    (
        errors.ExpectationFailed,
        RawAnswer(417, "Expectation Failed", "EXPECTATION_FAILED", "Expectation failed"),
    ),
    (InvalidHost, RawAnswer(400, "Bad Request", "BAD_REQUEST", "Malformed request: no valid Host")),
    (errors.ParseException, _MALFORMED),
)


def answer_to(error: BaseException) -> RawAnswer:
    """Return what a client is told about an exception of gunicorn's parser or of the app."""
    return next((answer for kind, answer in _ANSWERS if isinstance(error, kind)), INTERNAL_ERROR)


def new_request_id() -> str:
    """Make the id of a request that never reached the application."""
    return uuid.uuid4().hex
