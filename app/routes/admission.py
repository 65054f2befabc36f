"""Who is let in to a route that writes or lists: counted first, then known."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from flask import Request

from app.routes.caller import optional_user, required_user
from app.storage.rate_limits import RateLimits
from app.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Admission:
    """Counts a request against the general limit and reads its token."""

    tokens: Tokens
    limits: RateLimits

    def owner(self, request: Request) -> UUID:
        """Return the caller; raise RateLimitExceeded, MissingToken or InvalidToken."""
        self.limits.general(request.remote_addr)
        return required_user(request, self.tokens)

    def anybody(self, request: Request) -> UUID | None:
        """Return the caller, None without a token; raise RateLimitExceeded or InvalidToken."""
        self.limits.general(request.remote_addr)
        return optional_user(request, self.tokens)

    def visitor(self, request: Request) -> None:
        """Let in who follows a link; raise RateLimitExceeded."""
        self.limits.resolve(request.remote_addr)
