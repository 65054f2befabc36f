"""Who is let in to a route that writes or lists: counted, known, and allowed to.

The one place that knows of tokens (RFC 6750) and API keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Request

from app.access import Access
from app.model.callers import Caller, Scope
from app.model.errors import Forbidden, InvalidToken, MissingToken, TokenFault
from app.routes.errors import LOGGED
from app.secret_keys import PREFIX, is_key
from app.storage.rate_limits import RateLimits

KEY_HEADER = "X-API-Key"
# Where WSGI has them: Werkzeug's headers take four times as long to find one.
_KEY, _AUTHORIZATION = "HTTP_X_API_KEY", "HTTP_AUTHORIZATION"
_TWO_CALLERS = f"Authorization and {KEY_HEADER} name different callers: send one of them"
_NO_KEY = f"an API key is {PREFIX} and 43 letters, digits, hyphens and underscores"


@dataclass(frozen=True, slots=True)
class Admission:
    """Counts a request against the general limit and finds out whose it is.

    A key counts by its number, everything else by address. Every method may raise
    RateLimitExceeded; those that return a caller InvalidToken and DatabaseUnavailable too.
    """

    access: Access
    limits: RateLimits

    def owner(self, request: Request, scope: Scope | None) -> Caller:
        """Return the caller, who may do what `scope` says; None: whatever any key may.

        Raises MissingToken without a token or key, and Forbidden for a key without the scope.
        """
        caller = self.anybody(request, scope)
        if caller is None:
            raise MissingToken
        return caller

    def anybody(self, request: Request, scope: Scope | None) -> Caller | None:
        """Return the caller as `owner` does, None without a token or key."""
        caller = self._caller(request)
        if caller is not None and scope is not None and scope not in caller.scopes:
            raise Forbidden(f"the API key needs the scope {scope}")
        return caller

    def logged_in(self, request: Request) -> Caller:
        """Return a caller who logged in with a password; raise MissingToken, or Forbidden."""
        caller = self.owner(request, None)
        if caller.key is not None:
            raise Forbidden("this needs the token of a login: no API key may do it")
        return caller

    def count(self, request: Request, caller: Caller | None) -> None:
        """Count a request once more: for what costs as much as several."""
        if caller is not None and caller.key is not None:
            self.limits.general_of_key(caller.key)
        else:
            self.limits.general(request.remote_addr)

    def visitor(self, request: Request) -> None:
        """Let in who follows a link."""
        self.limits.resolve(request.remote_addr)

    def _caller(self, request: Request) -> Caller | None:
        try:
            given = _credential(request)
        except InvalidToken:
            self.limits.general(request.remote_addr)
            raise
        if given is not None and is_key(given):
            return self._holder(request, given)
        self.limits.general(request.remote_addr)
        return None if given is None else self.access.by_token(given)

    def _holder(self, request: Request, key: str) -> Caller:
        """Return who holds a key; an address that guesses is refused before anything is asked."""
        if not self.access.knew_lately(key):
            self.limits.check_guesses(request.remote_addr)
        try:
            caller = self.access.by_key(key)
        except InvalidToken:
            self.limits.guess(request.remote_addr)
            raise
        # The key's number, by which operators find what was done with a key that has leaked.
        request.environ.setdefault(LOGGED, {})["key_id"] = str(caller.key)
        self.count(request, caller)
        return caller


def _credential(request: Request) -> str | None:
    """Return the token or the key of a request, None without any; raise InvalidToken."""
    token = _bearer(request)
    given: str | None = request.environ.get(_KEY)
    if given is None:
        return token
    key = given.strip()
    if not is_key(key):
        raise InvalidToken(TokenFault.MALFORMED, _NO_KEY)
    if token is not None and token != key:
        raise InvalidToken(TokenFault.CONTRADICTION, _TWO_CALLERS)
    return key


def _bearer(request: Request) -> str | None:
    header: str | None = request.environ.get(_AUTHORIZATION)
    if header is None or not header.strip():
        return None
    scheme, _, rest = header.strip().partition(" ")
    token = rest.strip()
    if scheme.lower() != "bearer" or not token:
        raise InvalidToken(TokenFault.MALFORMED)
    if token.startswith(PREFIX) and not is_key(token):
        raise InvalidToken(TokenFault.MALFORMED, _NO_KEY)
    return token
