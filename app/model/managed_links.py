"""Links with more than a target: what a visit depends on, and what their owner sees."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

_DIGITS = 16
"""Of a digest: 64 bits, more than anybody's names of tags will meet in."""

Device = Literal["ios", "android", "desktop"]


class State(StrEnum):
    """What a link is at a moment; the first that holds, in this order from the end."""

    ACTIVE = "active"
    SCHEDULED = "scheduled"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    DISABLED = "disabled"
    DELETED = "deleted"


class QueryParameter(msgspec.Struct, frozen=True):
    """A parameter of the visitor's query, decoded."""

    name: str
    value: str


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """What must be true of a visitor, all of it."""

    device: Device | None = None
    language: str | None = None
    """A language tag (RFC 5646)."""
    country: str | None = None
    """Two capital letters (ISO 3166-1 alpha-2)."""
    query: QueryParameter | None = None


class Rule(msgspec.Struct, frozen=True):
    """Where visitors are sent who meet a condition."""

    condition: Condition = msgspec.field(name="if")
    url: str


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a visit of a managed link depends on; this is what caches hold of one."""

    target: str
    """With a scheme."""
    revision: int
    """Number of the link's last change, 0 without any."""
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    max_visits: int | None = None
    exhausted: bool = False
    redirect_status: int | None = None
    forward_query: bool | None = None
    rules: tuple[Rule, ...] = ()
    disabled: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ManagedLink:
    """A link as its owner sees it; moments are in UTC."""

    code: str
    terms: Terms
    title: str | None
    tags: tuple[str, ...]
    locked: bool
    """Disabled by the people who run the service: its owner cannot enable it."""
    created_at: datetime | None
    changed_at: datetime | None
    visits: int
    visitors: int
    bots: int
    last_visit_at: datetime | None

    @property
    def version(self) -> str:
        """What changes whenever something does that an owner can set; its ETag.

        The number of the link's last change; behind it, where the link has tags, a digest of their
        names: renaming a tag changes no link.
        """
        if not self.tags:
            return str(self.terms.revision)
        names = hashlib.sha256("\0".join(self.tags).encode()).hexdigest()
        return f"{self.terms.revision}-{names[:_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Fields:
    """What an owner may set of a link, checked."""

    target: str
    title: str | None = None
    tags: tuple[str, ...] = ()
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    max_visits: int | None = None
    redirect_status: int | None = None
    forward_query: bool | None = None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a sorted list a page ended: the last link's sort key (None for none) and code."""

    key: datetime | int | None
    code: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of an owner with the number of links that have it."""

    name: str
    links: int


@dataclass(frozen=True, slots=True)
class BlockedHost:
    """A host that links may not lead to, with all names below it."""

    host: str
    reason: str
    created_at: datetime


Owner = UUID
