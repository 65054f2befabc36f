"""`Idempotency-Key`: whose it is, and which request it stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from uuid import UUID

from flask import Request, Response

from app.repeating import Answer, Repeating
from app.storage.rate_limits import client_key

HEADER = "Idempotency-Key"


class Repeats:
    """Answers requests, those with a key once."""

    def __init__(self, repeating: Repeating) -> None:
        self._repeating = repeating

    def answer(
        self,
        request: Request,
        owner: UUID | None,
        content: bytes,
        make: Callable[[int | None], Answer],
    ) -> Response:
        """Return what `make` gives; with a key, what it gave the first time.

        `content` is what makes two requests the same. Errors as `Repeating.answer`.
        """
        key = request.headers.get(HEADER)
        if key is None:
            status, body, _ = make(None)
        else:
            caller = f"address {client_key(request.remote_addr)}" if owner is None else str(owner)
            fingerprint = hashlib.sha256(content).digest()
            status, body = self._repeating.answer(caller, key.strip(), fingerprint, make)
        return Response(body, status, mimetype="application/json")
