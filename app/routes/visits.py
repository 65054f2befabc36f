"""What a visitor is answered, on the long way and on the short one: decided here alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.config import PERMANENT_REDIRECTS
from app.links import Resolved
from app.routes.answers import Prepared, json_bytes
from app.routes.schemas import ResolvedLink
from app.routes.security_headers import REDIRECT_REFERRER
from app.states import Destination
from app.targets import location
from app.visitors import ReadVisitor, from_anywhere

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

RecordVisit = Callable[[str, "WSGIEnvironment"], None]
"""Told the code and the request of each visit, once, when it is answered; must not wait."""

_HIT = {True: ("Cache-Hit", "true"), False: ("Cache-Hit", "false")}
_JSON = ("Content-Type", "application/json")
_LONGEST_KEPT = 90


def not_recorded(_code: str, _environ: WSGIEnvironment) -> None:
    """Record nothing."""


@dataclass(frozen=True, slots=True)
class VisitAnswers:
    """Makes the answers to visits, and has each one recorded."""

    redirect_status: int
    record: RecordVisit = not_recorded
    visitor: ReadVisitor = from_anywhere

    def redirect(self, environ: WSGIEnvironment, code: str, resolved: Resolved) -> Prepared:
        """Return the answer to `/<code>`; InvalidUrl if the target is too long to be sent."""
        target = location(resolved.target)
        self._record(environ, resolved.code or code)
        sent = resolved.destination
        status = (sent and sent.redirect_status) or self.redirect_status
        headers = [_HIT[resolved.cache_hit], ("Referrer-Policy", REDIRECT_REFERRER)]
        if status in PERMANENT_REDIRECTS or (sent and sent.limited):
            headers.append(("Cache-Control", _kept(sent)))
        headers.append(("Content-Length", "0"))
        headers.append(("Location", target))
        return Prepared(status, headers, b"")

    def resolved(self, environ: WSGIEnvironment, code: str, resolved: Resolved) -> Prepared:
        """Return the answer to `/api/<code>`."""
        self._record(environ, resolved.code or code)
        body = json_bytes(ResolvedLink("URL retrieved successfully", resolved.target))
        headers = [_JSON, ("Content-Length", str(len(body))), _HIT[resolved.cache_hit]]
        return Prepared(200, headers, body)

    def _record(self, environ: WSGIEnvironment, code: str) -> None:
        if environ["REQUEST_METHOD"] == "GET":  # HEAD takes nobody anywhere
            self.record(code, environ)


def _kept(sent: Destination | None) -> str:
    """Return for how long a browser may follow a link without asking.

    A permanent redirect without a limit would outlive every change of the link.
    """
    if sent is not None and sent.limited:
        return "no-store"
    seconds = _LONGEST_KEPT
    if sent is not None and sent.expires_in is not None:
        seconds = min(seconds, sent.expires_in)
    return f"private, max-age={seconds}"
