"""Requests that may be sent again: the same Idempotency-Key within a day, the same answer."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

from app.model.errors import (
    DatabaseUnavailable,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
)
from app.storage.idempotency import IdempotencyTable

_KEY = re.compile(r"[!-~][ -~]{0,254}")

Answer = tuple[int, bytes, bool]
"""Status and body, and whether it may be kept: what is only so for now may not."""


class Repeating:
    """Answers a repeatable request once."""

    def __init__(self, table: IdempotencyTable) -> None:
        self._table = table

    def answer(
        self, caller: str, key: str, fingerprint: bytes, make: Callable[[int], Answer]
    ) -> tuple[int, bytes]:
        """Return the answer that this request got before, or has `make` give one.

        `make` gets a number that is the same for every repetition. One that raises is asked again
        the next time; so is one that died with its worker, a minute later. Errors:
        InvalidIdempotencyKey, IdempotencyKeyReused, IdempotencyKeyInUse, DatabaseUnavailable,
        and those of `make`.
        """
        if not _KEY.fullmatch(key):
            raise InvalidIdempotencyKey("a key has 1 to 255 printable ASCII characters")
        claimed = self._table.claim(caller, key, fingerprint)
        if not isinstance(claimed, int):
            if claimed.fingerprint != fingerprint:
                raise IdempotencyKeyReused
            if claimed.status is None or claimed.answer is None:
                raise IdempotencyKeyInUse
            return claimed.status, claimed.answer
        done = False
        try:
            status, body, done = make(claimed)
            if done:
                self._table.answered(claimed, status, body)
        finally:
            if not done:
                # Should that fail too, the lease ends by itself.
                with contextlib.suppress(DatabaseUnavailable):
                    self._table.given_up(claimed)
        return status, body
