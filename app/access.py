"""Who a token or a key stands for, as long as it is good."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cachetools import LRUCache, TTLCache

from app import secret_keys
from app.model.callers import Caller
from app.model.errors import InvalidToken, TokenFault
from app.storage.access import AccessTable, Grant, Standing
from app.storage.api_keys import KeyUses
from app.tokens import CLOCK_SKEW, Claims, Tokens

BELIEVED = 1.5
"""Seconds from the moment a look-up began for which its answer lets somebody in."""
LATELY = 600.0
"""Seconds for which a key that was good is remembered as no guess; it is looked up all the same."""
_MOST = 10_000
_REFUSED_KEY = "the API key is unknown or revoked, or has expired"


class Access:
    """Tells who is calling; what it remembers lets in and never refuses (decision 0015).

    Errors: InvalidToken, DatabaseUnavailable.
    """

    def __init__(self, tokens: Tokens, table: AccessTable, uses: KeyUses) -> None:
        self._tokens = tokens
        self._table = table
        self._uses = uses
        self._known = _Believed()
        self._lately: TTLCache[bytes, bool] = TTLCache(_MOST, LATELY)
        self._lock = threading.Lock()

    def by_token(self, token: str) -> Caller:
        """Return whom a token stands for."""
        claims = self._tokens.read(token)
        standing: Standing | None = self._known.get(claims.user)
        if standing is None or not _is_good(claims, standing):
            began = time.monotonic()
            standing = self._table.standing(claims.user)
            if standing is None:
                raise InvalidToken(TokenFault.USER_GONE)
            if not _is_good(claims, standing):
                raise InvalidToken(TokenFault.ENDED)
            self._known.put(claims.user, standing, began)
        return Caller(claims.user)

    def by_key(self, key: str) -> Caller:
        """Return whom a key stands for, and note that it was used."""
        digest = secret_keys.digest(key)
        grant: Grant | None = self._known.get(digest)
        if grant is None:
            began = time.monotonic()
            grant = self._table.grant(digest)
            if grant is None:
                raise InvalidToken(TokenFault.KEY_UNKNOWN, _REFUSED_KEY)
            self._known.put(digest, grant, began)
        if grant.expires_at is not None and grant.expires_at <= datetime.now(UTC):
            raise InvalidToken(TokenFault.KEY_EXPIRED, _REFUSED_KEY)
        with self._lock:
            self._lately[digest] = True
        self._uses.note(grant.key)
        return Caller(grant.user, grant.key, grant.scopes, grant.tag)

    def knew_lately(self, key: str) -> bool:
        """Tell whether this key was good some minutes ago: then it is no guess."""
        with self._lock:
            return secret_keys.digest(key) in self._lately

    def forget(self, user: UUID) -> None:
        """Believe nothing of a user any more: this process has just ended something of theirs."""
        self._known.forget(user)


class _Believed:
    """Answers of PostgreSQL, each for so long from when it was asked for."""

    def __init__(self) -> None:
        self._entries: LRUCache[Hashable, tuple[float, Any]] = LRUCache(_MOST)
        self._lock = threading.Lock()

    def get(self, name: Hashable) -> Any:
        with self._lock:
            began, answer = self._entries.get(name, (float("-inf"), None))
        return answer if time.monotonic() - began < BELIEVED else None

    def put(self, name: Hashable, answer: Standing | Grant, began: float) -> None:
        with self._lock:
            self._entries[name] = (began, answer)

    def forget(self, user: UUID) -> None:
        with self._lock:
            ended = [
                name
                for name, (_, answer) in self._entries.items()
                if name == user or getattr(answer, "user", None) == user
            ]
            for name in ended:
                del self._entries[name]


def _is_good(claims: Claims, standing: Standing) -> bool:
    if claims.generation is not None:
        return claims.generation == standing.generation
    ended_at = standing.ended_at
    return ended_at is None or claims.issued_at > ended_at.timestamp() + CLOCK_SKEW
