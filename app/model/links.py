"""Links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.model.managed_links import Terms


@dataclass(frozen=True, slots=True)
class Link:
    """A short code and where it leads; `created_at` is in UTC, None where it never was noted."""

    code: str
    target: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlainLink:
    """A link that leads everybody to one target at any time: a visit of it asks nothing more.

    The short way of a visit takes it by this very type. A link with anything to decide is of
    another type, and goes the long way.
    """

    target: str
    """With a scheme."""
    revision: int = 0
    """Number of the link's last change, 0 without any."""


@dataclass(frozen=True, slots=True)
class NoLink:
    """No link has this code."""

    revision = 0


Known = PlainLink | Terms | NoLink
"""What a cache may know of a code."""


@dataclass(frozen=True, slots=True)
class LinkList:
    """Links of one owner, the newest first; `truncated`: there are more than an answer holds."""

    links: tuple[Link, ...]
    truncated: bool
