"""`Idempotency-Key`: whose it is, and which request it stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from flask import Request, Response

from app.model.callers import Caller
from app.repeating import Answer, Repeating
from app.routes.answers import Prepared, PreparedResponse
from app.storage.rate_limits import client_key

HEADER = "Idempotency-Key"
_JSON = ("Content-Type", "application/json")
_KEY = "HTTP_IDEMPOTENCY_KEY"


class Repeats:
    """Answers requests, those with a key once."""

    def __init__(self, repeating: Repeating) -> None:
        self._repeating = repeating

    def answer(
        self,
        request: Request,
        caller: Caller | None,
        content: Callable[[], bytes],
        make: Callable[[int | None], Answer],
    ) -> Response:
        """Return what `make` gives; with a key, what it gave the first time.

        `content` gives what makes two requests the same; without a key nobody asks for it. Errors
        as `Repeating.answer`.
        """
        key = request.environ.get(_KEY)
        if key is None:
            status, body, _ = make(None)
        else:
            fingerprint = hashlib.sha256(content()).digest()
            named = _name(request, caller)
            status, body = self._repeating.answer(named, key.strip(), fingerprint, make)
        return PreparedResponse(Prepared(status, [_JSON, ("Content-Length", str(len(body)))], body))


def _name(request: Request, caller: Caller | None) -> str:
    """Return by what repetitions are known: one key is never told what another was answered."""
    if caller is None:
        return f"address {client_key(request.remote_addr)}"
    return str(caller.user) if caller.key is None else f"key {caller.key}"
