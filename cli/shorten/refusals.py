"""What the service or the network said, as a Failure in plain words."""

from __future__ import annotations

from typing import Any

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from shorten.configuration import Credentials
from shorten.errors import Changed, Failure, NotFound, NotLetIn, Unreachable
from shorten.harmless import harmless

_KINDS: dict[int, type[Failure]] = {
    401: NotLetIn,
    403: NotLetIn,
    404: NotFound,
    410: NotFound,
    409: Changed,
    412: Changed,
    429: Unreachable,
}
# 409 for a name that is taken is a refusal: looking again changes nothing.
_REFUSED = frozenset(
    {
        "ALIAS_TAKEN",
        "TARGET_TAKEN",
        "TAG_EXISTS",
        "EMAIL_EXISTS",
        "USERNAME_EXISTS",
        "TOO_MANY_IMPORTS",
    }
)
_LONGEST = 1000


def failure_of(status: int, body: Any, credentials: Credentials | None) -> Failure:
    """Return what an answer that is none of success means."""
    if not isinstance(body, dict) or "error" not in body:
        return _foreign(status)
    code = harmless(body.get("code", ""))[:64]
    kind = Unreachable if status >= 500 else _KINDS.get(status, Failure)
    if code in _REFUSED:
        kind = Failure
    message = harmless(body["error"])[:_LONGEST]
    return kind(message, hint=_hint(code, status, credentials), code=code, status=status)


_SILENCES: tuple[tuple[type[Exception], str], ...] = (
    (requests.exceptions.SSLError, "{} has no certificate that this machine trusts"),
    (requests.exceptions.ProxyError, "the proxy that the environment names lets nothing through"),
    (requests.Timeout, "{} did not answer in time"),
    (requests.exceptions.ChunkedEncodingError, "{} ended the answer in the middle"),
    (requests.ConnectionError, "{} ended the connection"),
)


def unreachable(url: str, error: Exception) -> Failure:
    """Return what an error of the HTTP library means; its own text may hold headers."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(reason, NameResolutionError):
        return Unreachable(f"the name in {url} is not known")
    for kind, message in _SILENCES:
        if isinstance(error, kind):
            refused = kind is requests.ConnectionError and isinstance(reason, NewConnectionError)
            return Unreachable(f"nothing answers at {url}" if refused else message.format(url))
    return Failure(f"{url} cannot be asked")


def _foreign(status: int) -> Failure:
    message = f"the answer (status {status}) is not the shortener's"
    kind = Unreachable if status >= 500 else _KINDS.get(status, Failure)
    if status == 404:
        kind = Unreachable
    return kind(message, hint="is the address the service's own?", status=status)


def _hint(code: str, status: int, credentials: Credentials | None) -> str | None:
    has_key = credentials is not None and credentials.kind == "key"
    if status == 401 and code != "INVALID_CREDENTIALS":
        if credentials is None:
            return "shorten login"
        if has_key:
            return f"the key of {credentials.origin} is not valid (any more)"
        return f"the token of {credentials.origin} is not valid (any more): shorten login"
    if status == 403 and has_key and code == "FORBIDDEN":
        return f"the key of {credentials.origin} may not do this" if credentials else None
    return {
        "PRECONDITION_FAILED": "shorten show CODE shows what it is now",
        "TOO_MANY_IMPORTS": "shorten imports shows them; shorten imports give-up ID ends one",
        "NOT_FOUND": "this service may be an older release that does not have this yet",
    }.get(code)
