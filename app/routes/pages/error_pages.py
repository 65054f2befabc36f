"""Errors as visitors read them: which page stands for which error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from flask import Request, Response
from markupsafe import Markup

from app.model import errors
from app.routes.pages.answers import page
from app.routes.pages.languages import Language, language_of
from app.states import BLOCKED, GONE

_KINDS = {
    errors.UrlNotFound.code: "not_found",
    errors.LinkNotStarted.code: "not_started",
    errors.RateLimitExceeded.code: "too_many",
    errors.DatabaseUnavailable.code: "unavailable",
    errors.InvalidShortUrl.code: "no_code",
    errors.ReservedWord.code: "reserved",
    errors.InvalidUrl.code: "unsendable",
}
_GONE: Mapping[str | None, str] = {
    **{details: state.value for state, details in GONE.items()},
    BLOCKED: "blocked",
}
_WAITING = frozenset({"not_started", "too_many"})
"""What says when it will be over."""


def error_page(
    request: Request, status: int, code: str, *, details: str | None, retry_after: int | None
) -> Response:
    """Return the page of an error; `details` tell the ways of being gone apart.

    `retry_after` is in seconds. The page repeats nothing of the request but its id, which only
    holds letters, digits, dots and dashes.
    """
    language = language_of(request.environ)
    kind = _kind(status, code, details)
    values = {
        "error": f"{status} {code}",
        "request_id": request.environ.get("HTTP_X_REQUEST_ID", ""),
    }
    if kind in _WAITING:
        seconds = retry_after or 1
        values |= {"wait": language.wait(seconds), "moment": _moment(language, seconds)}
    return page(kind, language, status, values=values)


def _kind(status: int, code: str, details: str | None) -> str:
    if code == errors.LinkGone.code:
        return _GONE.get(details, "gone")
    return _KINDS.get(code) or ("fault" if status >= 500 else "bad_request")


def _moment(language: Language, seconds: int) -> Markup:
    """Return when a wait will be over, rounded up to a minute.

    A wait was rounded up to a second, and has begun: two seconds more make no other minute.
    """
    try:
        moment = datetime.now(UTC) + timedelta(seconds=seconds - 2)
        moment = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    except OverflowError:
        moment = datetime.max.replace(tzinfo=UTC, second=0, microsecond=0)
    return Markup('<time datetime="{}">{}</time>').format(
        moment.isoformat(), language.moment(moment)
    )
