"""Links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A short code and where it leads; `created_at` is in UTC, None where it never was noted."""

    code: str
    target: str
    created_at: datetime | None
