"""The short way of a visit: answered from the process' own cache, before Flask.

A code whose link is at hand and whom the limit lets through is answered here, and nothing can make
it wait: no database, no Redis, no lock that is held over either. Everything else is left alone, as
if it had not been looked at. What is answered is decided in `visits.py`, for both ways; which
headers every answer carries, in `cors.py`, `request_ids.py` and `security_headers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from app.links import Links, Resolved
from app.routes.client_addresses import client_of, tell_client
from app.routes.cors import Cors
from app.routes.request_ids import request_id
from app.routes.security_headers import complete
from app.routes.visits import VisitAnswers
from app.storage.rate_limits import RateLimits
from app.targets import is_sendable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

AtOnce = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes] | None]
"""Answers what nothing can make wait; None: not looked at, ask the application, in a thread."""

_METHODS = frozenset({"GET", "HEAD"})
# With any of these the server or Werkzeug has more to do than to answer.
_UNUSUAL = frozenset({"CONTENT_LENGTH", "HTTP_EXPECT", "HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE"})
_API = "/api/"


class Observe(Protocol):
    """Records an answer as telemetry records what Flask answers."""

    def __call__(
        self, environ: WSGIEnvironment, route: str, status: str, body: Iterable[bytes], began: float
    ) -> Iterable[bytes]:
        """Return the body, to be closed when it is sent; `began` as of `perf_counter`."""


class Readings:
    """What Werkzeug makes of a request's Host and scheme, remembered for the next with the same."""

    def __init__(self, app: Flask, proxies: int) -> None:
        self.proxies = proxies
        self._url_map = app.url_map
        self._fix = ProxyFix(lambda _environ, _start: (), x_for=0, x_proto=proxies, x_host=0)
        self._routed = lru_cache(maxsize=256)(self._ask_routing)
        self._scheme = lru_cache(maxsize=256)(self._ask_proxy_fix)

    def is_routed(self, environ: WSGIEnvironment) -> bool:
        """Tell whether any rule is looked for: some Hosts are refused as malformed before."""
        host = environ.get("HTTP_HOST")
        return self._routed(environ["SERVER_NAME"] if host is None else host)

    def scheme(self, environ: WSGIEnvironment) -> str:
        """Return `http` or `https`, as our proxies say."""
        given: str = environ["wsgi.url_scheme"]
        told = environ.get("HTTP_X_FORWARDED_PROTO")
        return self._scheme(given, told) if told else given

    def _ask_routing(self, host: str) -> bool:
        environ = {"wsgi.url_scheme": "http", "REQUEST_METHOD": "GET", "HTTP_HOST": host}
        try:
            self._url_map.bind_to_environ(environ)
        except HTTPException:
            return False
        return True

    def _ask_proxy_fix(self, given: str, told: str) -> str:
        environ = {"wsgi.url_scheme": given, "HTTP_X_FORWARDED_PROTO": told}
        self._fix(environ, _start_nothing)
        return environ["wsgi.url_scheme"]


@dataclass(frozen=True, slots=True)
class ShortWay:
    """Answers at once, or not at all."""

    links: Links
    limits: RateLimits
    visits: VisitAnswers
    cors: Cors
    readings: Readings
    observe: Observe

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        """Answer the request, or return None and leave no trace of having looked at it."""
        began = perf_counter()
        found = visited(environ)
        if found is None:
            return None
        code, api = found
        link = self.links.at_hand(code)
        if link is None:
            return None
        if not self.readings.is_routed(environ) or not (api or is_sendable(link.target)):
            return None
        client = client_of(environ, self.readings.proxies)
        if not self.limits.takes_resolve(client.address):
            return None
        tell_client(environ, client)
        scheme = environ["wsgi.url_scheme"] = self.readings.scheme(environ)
        self.links.took()
        make = self.visits.resolved if api else self.visits.redirect
        answer = make(environ, code, Resolved(link.target, cache_hit=True))
        headers = [
            *answer.headers,
            *self.cors.headers(environ),
            ("X-Request-ID", request_id(environ)),
        ]
        complete(answer.status_line, headers, tls=scheme == "https")
        start_response(answer.status_line, headers)
        body = [answer.body] if answer.body and environ["REQUEST_METHOD"] == "GET" else []
        route = "/api/<code>" if api else "/<code>"
        return self.observe(environ, route, answer.status_line, body, began)


def visited(environ: WSGIEnvironment) -> tuple[str, bool] | None:
    """Return the code that a request may be a visit of and whether by the API; else None."""
    if environ["REQUEST_METHOD"] not in _METHODS or not _UNUSUAL.isdisjoint(environ):
        return None
    path: str = environ["PATH_INFO"]
    if not path.startswith("/") or environ.get("SCRIPT_NAME"):
        return None
    api = path.startswith(_API)
    # Flask's rules take a slash behind the code, too.
    return path[len(_API) if api else 1 :].removesuffix("/"), api


class BothWays:
    """The application: the short way where it answers, else the long one."""

    def __init__(self, at_once: AtOnce, long_way: WSGIApplication) -> None:
        self._at_once = at_once
        self.long_way = long_way

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answered = self._at_once(environ, start_response)
        return self.long_way(environ, start_response) if answered is None else answered


def never(_environ: WSGIEnvironment, _start_response: StartResponse) -> None:
    """Answer nothing at once."""


def _start_nothing(*_: object) -> Any:
    """Stand where a server would be told the status."""
