"""Bearer tokens: JWT with HS256 (RFC 7519), as the frontend decodes them."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from app.model.errors import InvalidToken, TokenFault

LIFETIME = 24 * 3600
"""Seconds."""

_ALGORITHM = "HS256"
_LONGEST = 2048
CLOCK_SKEW = 5.0
"""Seconds by which the clocks of those who issue and verify may differ."""
_GENERATION = "gen"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says."""

    user: UUID
    issued_at: float
    """Seconds since 1970, by the clock of whoever issued it."""
    generation: int | None
    """Which of its user's it is; None for one of the Go service's, which knows of none."""


class Tokens:
    """Issue tokens under one secret; verify under it, and under another while it is replaced."""

    def __init__(self, secret: str, previous: str | None = None) -> None:
        self._secret = secret
        self._accepted = (secret,) if previous is None else (secret, previous)
        self._headers = {"kid": key_id(secret)}

    def issue(self, user_id: UUID, generation: int = 0) -> str:
        """Return a token for the user, valid for 24 hours from now.

        The first generation is not named: the claims are those of the contract.
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "user_id": str(user_id),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        }
        if generation:
            claims[_GENERATION] = generation
        return jwt.encode(
            claims, self._secret, algorithm=_ALGORITHM, headers=self._headers, sort_headers=True
        )

    def verify(self, token: str) -> UUID:
        """Return the user's id; raise InvalidToken, which tells the log what is wrong with it."""
        return self.read(token).user

    def read(self, token: str) -> Claims:
        """Return what a token says; errors as `verify`."""
        if len(token) > _LONGEST:
            raise InvalidToken(TokenFault.MALFORMED)
        read = [_read(token, secret) for secret in self._accepted]
        for found in read:
            if isinstance(found, Claims):
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


def _read(token: str, secret: str) -> Claims | TokenFault:
    try:
        decoded = jwt.decode_complete(
            token,
            secret,
            algorithms=[_ALGORITHM],
            leeway=CLOCK_SKEW,
            options={"require": ["user_id", "exp", "iat", "nbf"]},
        )
        claims = decoded["payload"]
        # Any `kid`, which the signature covers, is a token of ours: the Go service's have none.
        ours = "kid" in decoded["header"]
        generation = claims.get(_GENERATION, 0 if ours else None)
        if _GENERATION in claims and type(generation) is not int:
            return TokenFault.MALFORMED
        return Claims(UUID(claims["user_id"]), float(claims["iat"]), generation)
    except jwt.ExpiredSignatureError:
        return TokenFault.EXPIRED
    except jwt.ImmatureSignatureError:
        return TokenFault.NOT_YET_VALID
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
        return TokenFault.SIGNATURE
    except (
        jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError, RecursionError,
    ):  # fmt: skip
        return TokenFault.MALFORMED
