"""Bearer tokens: JWT with HS256 (RFC 7519), as the frontend decodes them."""

from __future__ import annotations

import time
from uuid import UUID

import jwt

from app.model import InvalidToken

LIFETIME = 24 * 3600
"""Seconds."""

_ALGORITHM = "HS256"
_LONGEST = 2048
_CLOCK_SKEW = 5.0


class Tokens:
    """Issue and verify tokens under one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(self, user_id: UUID) -> str:
        """Return a token for the user, valid for 24 hours from now."""
        now = int(time.time())
        claims = {"user_id": str(user_id), "iat": now, "nbf": now, "exp": now + LIFETIME}
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def verify(self, token: str) -> UUID:
        """Return the user's id; raise InvalidToken whatever is wrong with the token."""
        if len(token) > _LONGEST:
            raise InvalidToken
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                leeway=_CLOCK_SKEW,
                options={"require": ["user_id", "exp", "iat", "nbf"]},
            )
            return UUID(claims["user_id"])
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
            raise InvalidToken from None
