"""One operation of the API, as the tables describe it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from app.model import errors
from app.model.callers import Scope

JSON = "application/json"
TEXT = "text/plain"
MERGE_PATCH = "application/merge-patch+json"
HTML = "text/html"
ANY_SCOPE = "any"
"""Whatever a key may do, it may do this."""
LOGIN_ONLY = "login"
"""The token of a login may do this, and no key."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One way an operation succeeds (or says 503 in its own shape)."""

    status: int
    description: str
    body: type[msgspec.Struct] | None = None
    media_type: str = JSON
    """Empty: no content."""
    page: bool = False
    """Whether a browser (`Accept` preferring `text/html`) gets it as a page."""
    headers: tuple[str, ...] = ()
    """Beside those that every answer has."""
    also: tuple[str, ...] = ()
    """Media types that it may have instead."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str
    answers: tuple[Answer, ...]
    refusals: tuple[type[errors.ServiceError], ...] = ()
    """What the use case may say no with; limits, bodies and faults are added from the rest."""
    body: type[msgspec.Struct] | None = None
    limit: str | None = None
    """The variable that sets its rate limit."""
    bearer: str = "none"
    """none, optional or required."""
    scope: Scope | str | None = None
    """What an API key needs for it; given wherever there is a caller at all."""
    pages: bool = False
    """Whether a browser gets errors as a page."""
    parameters: tuple[str, ...] = ()
    patch: bool = False
    """Whether the body is a JSON merge patch (RFC 7396)."""
    file: str = ""
    """Media type of a body that is no JSON."""


RESOLVING = (
    errors.ReservedWord,
    errors.InvalidShortUrl,
    errors.UrlNotFound,
    errors.LinkNotStarted,
    errors.LinkGone,
    errors.DatabaseUnavailable,
)
"""What looking up a link may refuse with."""
REPEATING = (
    errors.InvalidIdempotencyKey,
    errors.IdempotencyKeyInUse,
    errors.IdempotencyKeyReused,
)
"""What a request with an Idempotency-Key may be refused with."""
CREATING = (
    errors.InvalidJson,
    errors.InvalidUrl,
    errors.InvalidLink,
    errors.InvalidAlias,
    errors.ReservedWord,
    errors.TargetBlocked,
    errors.MissingToken,
    errors.InvalidToken,
    errors.AliasTaken,
    errors.TargetTaken,
    errors.DatabaseUnavailable,
    errors.IdGenerationFailed,
    *REPEATING,
)
"""What creating a link may refuse with."""
