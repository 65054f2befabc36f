"""Which sites' pages may send us what they like."""

from __future__ import annotations

from flask import Request

ANY = "*"


class Origins:
    """The origins that CORS allows (`("*",)`: any), and our own: whatever host we are asked as."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = frozenset(allowed)

    def are_foreign_to(self, request: Request) -> bool:
        """Tell whether a page of a site that is not allowed sends this; `null` is such a site."""
        origin: str | None = request.environ.get("HTTP_ORIGIN")
        if not origin or ANY in self._allowed or origin in self._allowed:
            return False
        return origin != f"{request.scheme}://{request.host}"
