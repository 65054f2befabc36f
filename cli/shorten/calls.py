"""One request and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ANSWER_S = 30.0
IDEMPOTENCY_KEY = "Idempotency-Key"
UPLOAD_OFFSET = "Upload-Offset"

_SAFE = frozenset({"GET", "HEAD", "DELETE"})
# A part of a file that was taken already is refused, and no harm done.
_REPEATABLE = frozenset({IDEMPOTENCY_KEY, UPLOAD_OFFSET})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said."""

    status: int
    headers: Mapping[str, str]
    body: Any
    """Parsed JSON; None where there was none."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = ANSWER_S
    wants_json: bool = True
    """A success that is something else was not the shortener's."""

    @property
    def is_repeatable(self) -> bool:
        """Tell whether sending it twice does what sending it once does."""
        return self.method in _SAFE or not _REPEATABLE.isdisjoint(self.headers)
