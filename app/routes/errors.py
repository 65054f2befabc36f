"""The one place where an error becomes an answer."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app import metrics
from app.model.errors import (
    InvalidToken,
    MissingToken,
    OffsetConflict,
    RateLimitExceeded,
    ServiceError,
)
from app.routes.answers import json_answer
from app.routes.pages import error_page, prefers_html
from app.routes.schemas import ErrorBody

log = logging.getLogger(__name__)

HTTP_CODES = {
    400: ("BAD_REQUEST", "Malformed request"),
    404: ("NOT_FOUND", "Not found"),
    405: ("METHOD_NOT_ALLOWED", "Method not allowed"),
    413: ("PAYLOAD_TOO_LARGE", "Payload too large"),
    415: ("UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"),
}
"""By status: code and message of what Werkzeug refuses."""

PAGE_ENDPOINTS = frozenset({"redirects.follow", "previews.show", "site.front"})
"""What people open in a browser: they get errors as a page."""
LOGGED = "telemetry.fields"
"""Where a WSGI environment holds what the line "Request completed" says beside the usual."""


def handle_errors(app: Flask) -> None:
    """Register the mapping for errors of ours, of HTTP, and for those nobody expected."""
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def _service_error(error: ServiceError) -> Response:
    if error.reason is not None:
        name = "cause" if error.status >= 500 else "reason"
        request.environ.setdefault(LOGGED, {})[name] = error.reason
    if isinstance(error, (InvalidToken, MissingToken)):
        metrics.record_token_refused(error.fault)
    limited = isinstance(error, RateLimitExceeded)
    body = ErrorBody(
        error.explained,
        error.code,
        error.details,
        error.retry_after if limited else None,
        error.offset if isinstance(error, OffsetConflict) else None,
    )
    answer = _answer(body, error.status, error.retry_after)
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, OffsetConflict):
        answer.headers["Upload-Offset"] = str(error.offset)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, RateLimitExceeded):
        answer.headers["X-RateLimit-Limit"] = str(error.limit)
        answer.headers["X-RateLimit-Window"] = str(error.window)
    return answer


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code, message = HTTP_CODES.get(status, ("BAD_REQUEST", error.name))
    if status >= 500:
        code, message = "INTERNAL_ERROR", "Internal server error"
    answer = _answer(ErrorBody(message, code), status)
    for name, value in error.get_headers(request.environ):
        if name not in {"Content-Type", "Content-Length"}:
            answer.headers[name] = value
    return answer


def _unexpected_error(error: Exception) -> Response:
    log.error("Unexpected error", exc_info=error)
    return _answer(ErrorBody("Internal server error", "INTERNAL_ERROR"), 500)


def _answer(body: ErrorBody, status: int, retry_after: int | None = None) -> Response:
    if request.endpoint not in PAGE_ENDPOINTS or not prefers_html(request):
        return json_answer(body, status)
    return error_page(request, status, body.code, details=body.details, retry_after=retry_after)
