"""Accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account."""

    id: UUID
    username: str | None
    email: str
    created_at: datetime
