"""The direct way of a visit that may have to wait: answered in a thread, before Flask.

What the short way leaves alone, since its link is not at hand, is looked for here in Redis and
PostgreSQL: finding the view that does the same costs Flask more than both. Only an answer that
leads somewhere is given; a refusal goes to Flask, whose view raises what was raised here, so that
nothing is asked, limited or counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app import codes
from app.links import Links, Resolved
from app.routes.answers import Prepared
from app.routes.short_way import Readings, visited
from app.routes.visits import VisitAnswers
from app.storage.rate_limits import RateLimits

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TellRoute = Callable[["WSGIEnvironment", str], None]
"""Tells telemetry which route a request belongs to, as Flask would have found it."""

_RAISED = "app.visit.raised"


@dataclass(frozen=True, slots=True)
class Visiting:
    """The use case of a visit and its limit, for the views and for the direct way."""

    links: Links
    limits: RateLimits
    answers: VisitAnswers

    def follow(self, environ: WSGIEnvironment, code: str, *, api: bool) -> Prepared:
        """Return the answer to a visit; errors: RateLimitExceeded and those of `Links.resolve`."""
        raised = environ.pop(_RAISED, None)
        if raised is not None:
            raise raised
        self.limits.resolve(environ.get("REMOTE_ADDR"))
        resolved: Resolved = self.links.resolve(code, self.answers.visitor(environ))
        make = self.answers.resolved if api else self.answers.redirect
        return make(environ, code, resolved)


class DirectWay:
    """WSGI middleware around Flask itself: whatever it does not answer is Flask's."""

    def __init__(self, app: WSGIApplication) -> None:
        """Leave everything to the application until `open`."""
        self._app = app
        self._serve: tuple[Visiting, Readings, TellRoute] | None = None

    def open(self, visiting: Visiting, readings: Readings, tell_route: TellRoute) -> None:
        """Answer visits from now on."""
        self._serve = visiting, readings, tell_route

    def close(self) -> None:
        """Leave everything to the application again."""
        self._serve = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        found = visited(environ)
        if self._serve is None or found is None:
            return self._app(environ, start_response)
        visiting, readings, tell_route = self._serve
        code, api = found
        if not codes.is_alias(code) or codes.is_reserved(code) or not readings.is_routed(environ):
            return self._app(environ, start_response)
        try:
            answer = visiting.follow(environ, code, api=api)
        except Exception as error:  # noqa: BLE001  # Flask's view raises it, where it is handled
            environ[_RAISED] = error
            return self._app(environ, start_response)
        tell_route(environ, "/api/<code>" if api else "/<code>")
        start_response(answer.status_line, list(answer.headers))
        return [answer.body] if answer.body and environ["REQUEST_METHOD"] == "GET" else []
