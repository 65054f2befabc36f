"""Who is calling: Bearer tokens (RFC 6750)."""

from __future__ import annotations

from uuid import UUID

from flask import Request

from app.model.errors import InvalidToken, MissingToken, TokenFault
from app.tokens import Tokens


def required_user(request: Request, tokens: Tokens) -> UUID:
    """Return the caller's user id; raise MissingToken or InvalidToken."""
    user = optional_user(request, tokens)
    if user is None:
        raise MissingToken
    return user


def optional_user(request: Request, tokens: Tokens) -> UUID | None:
    """Return the caller's user id, or None without a token; raise InvalidToken for a bad one."""
    header = request.headers.get("Authorization")
    if header is None or not header.strip():
        return None
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken(TokenFault.MALFORMED)
    return tokens.verify(token.strip())
