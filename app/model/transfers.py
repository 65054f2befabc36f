"""Links on their way out of the service or into it: one record, whatever the file's kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from app.model.managed_links import Fields

RECORD_FIELDS = (
    "code", "url", "title", "tags", "state", "starts_at", "expires_at", "max_visits",
    "used_visits", "redirect_status", "forward_query", "rules", "findable", "created_at",
    "changed_at", "exhausted_at", "disabled_at", "deleted_at", "visits", "visitors", "bots",
    "last_visit_at",
)  # fmt: skip
"""What an export tells of a link, in the order of its columns."""


class Format(StrEnum):
    """Files that are read; the first two are written too."""

    JSONL = "jsonl"
    CSV = "csv"
    BITLY = "bitly"
    DUB = "dub"
    KUTT = "kutt"
    SHLINK = "shlink"
    YOURLS = "yourls"
    AUTO = "auto"
    """Whichever of them the file's beginning shows."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One link as a file tells it; nothing of it is checked yet. Moments are RFC 3339."""

    code: str
    url: str
    title: str | None = None
    tags: list[str] | None = None
    state: str | None = None
    starts_at: str | None = None
    expires_at: str | None = None
    max_visits: int | None = None
    used_visits: int | None = None
    redirect_status: int | None = None
    forward_query: bool | None = None
    rules: list[Any] | None = None
    findable: bool = False
    """Whether a create with this target alone finds the link."""
    created_at: str | UnsetType | None = UNSET
    """Absent: now. Null: it never was noted."""
    changed_at: str | None = None
    exhausted_at: str | None = None
    disabled_at: str | None = None
    deleted_at: str | None = None
    visits: int | None = None
    visitors: int | None = None
    bots: int | None = None
    last_visit_at: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that is not taken."""

    line: int
    """Of the file, where the record begins; in a JSON document, which record it is."""
    code: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class AcceptedLink:
    """A link that was read, checked, and may be stored as it is here; moments are in UTC."""

    line: int
    code: str
    fields: Fields
    digest: bytes | None
    """By which its target finds it; None: not at all."""
    created_at: datetime | None
    changed_at: datetime | None
    used_visits: int | None
    exhausted_at: datetime | None
    disabled_at: datetime | None
    deleted_at: datetime | None
    visits: int
    visitors: int
    bots: int
    last_visit_at: datetime | None


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that is about to be uploaded."""

    format: str
    size: int
    """Bytes."""
    name: str | None = None
    digest: str | None = None
    """SHA-256 in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Import:
    """An upload, as far as it has come."""

    id: UUID
    format: str
    """As it was asked for; of `auto`, what was found once something was."""
    name: str | None
    size: int
    """Bytes of the file."""
    offset: int
    """Bytes that have been taken."""
    links: int
    unchanged: int
    refused: int
    created_at: datetime
    changed_at: datetime

    @property
    def is_done(self) -> bool:
        """Tell whether all of it has come."""
        return self.offset >= self.size
