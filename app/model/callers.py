"""Who is calling, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """What an API key may be allowed to do."""

    LINKS_READ = "links:read"
    LINKS_WRITE = "links:write"
    STATISTICS_READ = "statistics:read"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with an account: logged in, or a program with one of their keys."""

    user: UUID
    key: UUID | None = None
    """The number of the API key, None for whoever logged in with a password."""
    scopes: frozenset[str] = ALL_SCOPES
    tag: str | None = None
    """Only links with this tag are seen and made."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its owner sees it; nothing of the secret is in it but how it begins."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    tag: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
