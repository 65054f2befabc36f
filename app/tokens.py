"""Bearer tokens: JWT with HS256 (RFC 7519), as the frontend decodes them."""

from __future__ import annotations

import hmac
import time
from uuid import UUID

import jwt

from app.model.errors import InvalidToken, TokenFault

LIFETIME = 24 * 3600
"""Seconds."""

_ALGORITHM = "HS256"
_LONGEST = 2048
_CLOCK_SKEW = 5.0


class Tokens:
    """Issue tokens under one secret; verify under it, and under another while it is replaced."""

    def __init__(self, secret: str, previous: str | None = None) -> None:
        self._secret = secret
        self._accepted = (secret,) if previous is None else (secret, previous)
        self._headers = {"kid": key_id(secret)}

    def issue(self, user_id: UUID) -> str:
        """Return a token for the user, valid for 24 hours from now."""
        now = int(time.time())
        claims = {"user_id": str(user_id), "iat": now, "nbf": now, "exp": now + LIFETIME}
        return jwt.encode(
            claims, self._secret, algorithm=_ALGORITHM, headers=self._headers, sort_headers=True
        )

    def verify(self, token: str) -> UUID:
        """Return the user's id; raise InvalidToken, which tells the log what is wrong with it."""
        if len(token) > _LONGEST:
            raise InvalidToken(TokenFault.MALFORMED)
        read = [_read(token, secret) for secret in self._accepted]
        for found in read:
            if isinstance(found, UUID):
                return found
        # Under the wrong one of two secrets nothing but the signature is seen.
        faults = [found for found in read if isinstance(found, TokenFault)]
        told = [fault for fault in faults if fault is not TokenFault.SIGNATURE]
        raise InvalidToken((told or faults)[0])


def key_id(secret: str) -> str:
    """Return the name of a key, which gives nothing of it away (`kid`, RFC 7515, section 4.1.4).

    By it a token of ours is told from one of the Go service's, whose header has no such member,
    within its first characters: a balancer can send each to the service that knows it.
    """
    return hmac.digest(secret.encode(), b"kid", "sha256")[:6].hex()


def _read(token: str, secret: str) -> UUID | TokenFault:
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            leeway=_CLOCK_SKEW,
            options={"require": ["user_id", "exp", "iat", "nbf"]},
        )
        return UUID(claims["user_id"])
    except jwt.ExpiredSignatureError:
        return TokenFault.EXPIRED
    except jwt.ImmatureSignatureError:
        return TokenFault.NOT_YET_VALID
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
        return TokenFault.SIGNATURE
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        return TokenFault.MALFORMED
