"""Everything that can go wrong, as clients are told.

ServiceError                     status  code
├── InvalidJson                  400     INVALID_JSON
├── InvalidPayload               400     INVALID_PAYLOAD
├── InvalidUrl                   400     INVALID_URL
├── InvalidShortUrl              400     INVALID_SHORT_URL
├── ReservedWord                 400     RESERVED_WORD
├── InvalidAlias                 400     INVALID_ALIAS
├── InvalidLink                  400     INVALID_LINK
├── InvalidQuery                 400     INVALID_QUERY
├── InvalidIdempotencyKey        400     INVALID_IDEMPOTENCY_KEY
├── InvalidImport                400     INVALID_IMPORT
├── TargetBlocked                400     TARGET_BLOCKED
├── MissingToken                 401     MISSING_TOKEN
├── InvalidToken                 401     INVALID_TOKEN
├── InvalidCredentials           401     INVALID_CREDENTIALS
├── Forbidden                    403     FORBIDDEN
├── WrongPassword                403     WRONG_PASSWORD
├── ForeignOrigin                403     FOREIGN_ORIGIN
├── LinkLocked                   403     LINK_LOCKED
├── UrlNotFound                  404     URL_NOT_FOUND
├── KeyNotFound                  404     KEY_NOT_FOUND
├── LinkNotStarted               404     LINK_NOT_STARTED
├── TagNotFound                  404     TAG_NOT_FOUND
├── NotFound                     404     NOT_FOUND
├── UnsupportedMediaType         415     UNSUPPORTED_MEDIA_TYPE
├── EmailExists                  409     EMAIL_EXISTS
├── UsernameExists               409     USERNAME_EXISTS
├── AliasTaken                   409     ALIAS_TAKEN
├── TargetTaken                  409     TARGET_TAKEN
├── TagExists                    409     TAG_EXISTS
├── EditConflict                 409     EDIT_CONFLICT
├── IdempotencyKeyInUse          409     IDEMPOTENCY_KEY_IN_USE
├── TooManyKeys                  409     TOO_MANY_KEYS
├── OffsetConflict               409     OFFSET_CONFLICT
├── TooManyImports               409     TOO_MANY_IMPORTS
├── LinkGone                     410     LINK_GONE
├── PreconditionFailed           412     PRECONDITION_FAILED
├── IdempotencyKeyReused         422     IDEMPOTENCY_KEY_REUSED
├── RateLimitExceeded            429     RATE_LIMIT_EXCEEDED
├── TransfersBusy                503     TRANSFERS_BUSY
├── DatabaseUnavailable          503     DB_ERROR
└── IdGenerationFailed           503     ID_GENERATION_FAILED
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class ServiceError(Exception):
    """Something a client is told about, in the contract's words."""

    status: ClassVar[int]
    code: ClassVar[str]
    message: ClassVar[str]

    def __init__(
        self,
        details: str | None = None,
        *,
        retry_after: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Give `details` for people and `retry_after` in seconds, where they help.

        `reason` is for the log alone, in our own words: a client is not told why a token was
        refused, nor what is wrong with the database.
        """
        super().__init__(details or self.message)
        self.details = details
        self.retry_after = retry_after
        self.reason = reason

    @property
    def explained(self) -> str:
        """Say what went wrong and, where that is known, why: the frontend shows nothing else."""
        return f"{self.message}: {self.details}" if self.details else self.message


class InvalidJson(ServiceError):
    """The body of a create is not the JSON object asked for."""

    status = 400
    code = "INVALID_JSON"
    message = "Invalid request format"


class InvalidPayload(ServiceError):
    """The body of a signup or login is not the JSON object asked for."""

    status = 400
    code = "INVALID_PAYLOAD"
    message = "Invalid request payload"


class InvalidUrl(ServiceError):
    """A target is refused; the details say why."""

    status = 400
    code = "INVALID_URL"
    message = "Invalid URL format"


class InvalidShortUrl(ServiceError):
    """No link can have this code."""

    status = 400
    code = "INVALID_SHORT_URL"
    message = "Invalid short URL format"


class ReservedWord(ServiceError):
    """The service itself answers under this word."""

    status = 400
    code = "RESERVED_WORD"
    message = "Invalid short code - reserved word"


class TokenFault(StrEnum):
    """Why a token is refused, as the log and a metric say it."""

    EXPIRED = "expired"
    SIGNATURE = "signature"
    """Forged, or of another secret."""
    NOT_YET_VALID = "not_yet_valid"
    """Whoever issued it has a clock that is ahead of ours."""
    MALFORMED = "malformed"
    USER_GONE = "user_gone"
    ENDED = "ended"
    """By a password change, or by logging out everywhere."""
    KEY_UNKNOWN = "key_unknown"
    """An API key that was revoked, or never was."""
    KEY_EXPIRED = "key_expired"
    CONTRADICTION = "contradiction"
    """Two headers that name different callers."""
    MISSING = "missing"


class InvalidAlias(ServiceError):
    """No link can have this alias; the details say why."""

    status = 400
    code = "INVALID_ALIAS"
    message = "Invalid alias"


class InvalidLink(ServiceError):
    """A field of a link makes no sense; the details say which and why."""

    status = 400
    code = "INVALID_LINK"
    message = "Invalid link"


class InvalidQuery(ServiceError):
    """What is asked for makes no sense; the details say why."""

    status = 400
    code = "INVALID_QUERY"
    message = "Invalid query"


class InvalidIdempotencyKey(ServiceError):
    """The key of a repeatable request is none."""

    status = 400
    code = "INVALID_IDEMPOTENCY_KEY"
    message = "Invalid Idempotency-Key"


class InvalidImport(ServiceError):
    """A file, or a part of one, cannot be imported; the details say why."""

    status = 400
    code = "INVALID_IMPORT"
    message = "Invalid import"


class TargetBlocked(ServiceError):
    """Links may not lead to this host."""

    status = 400
    code = "TARGET_BLOCKED"
    message = "This target is blocked"


class MissingToken(ServiceError):
    """A route needs a Bearer token and there is none."""

    status = 401
    code = "MISSING_TOKEN"
    message = "missing authorization header"

    fault: ClassVar[TokenFault] = TokenFault.MISSING

    def __init__(self, details: str | None = None) -> None:
        super().__init__(details, reason=self.fault)


class InvalidToken(ServiceError):
    """The Bearer token or the API key is malformed, forged, ended or of a user who is gone."""

    status = 401
    code = "INVALID_TOKEN"
    message = "invalid or expired token"

    def __init__(self, fault: TokenFault, details: str | None = None) -> None:
        super().__init__(details, reason=fault)
        self.fault = fault


class InvalidCredentials(ServiceError):
    """No account has this address and password."""

    status = 401
    code = "INVALID_CREDENTIALS"
    message = "Invalid email or password"

    def __init__(self) -> None:
        super().__init__(reason="credentials")


class Forbidden(ServiceError):
    """Whoever calls may not do this; the details say what is missing."""

    status = 403
    code = "FORBIDDEN"
    message = "Not allowed"


class WrongPassword(ServiceError):
    """Somebody who is logged in gives a password that is not theirs."""

    status = 403
    code = "WRONG_PASSWORD"
    message = "The password is wrong"

    def __init__(self) -> None:
        super().__init__(reason="password")


class ForeignOrigin(ServiceError):
    """A page of another site sends what a browser sends without asking us first."""

    status = 403
    code = "FOREIGN_ORIGIN"
    message = "Origin not allowed"


class LinkLocked(ServiceError):
    """Its owner cannot enable this link."""

    status = 403
    code = "LINK_LOCKED"
    message = "The link was disabled by the service"


class UrlNotFound(ServiceError):
    """No link has this code."""

    status = 404
    code = "URL_NOT_FOUND"
    message = "Short URL not found"


class KeyNotFound(ServiceError):
    """The caller has no API key with this number."""

    status = 404
    code = "KEY_NOT_FOUND"
    message = "API key not found"


class LinkNotStarted(ServiceError):
    """The link leads somewhere later on; `retry_after` says when."""

    status = 404
    code = "LINK_NOT_STARTED"
    message = "This link is not active yet"


class TagNotFound(ServiceError):
    """No link of the caller has this tag."""

    status = 404
    code = "TAG_NOT_FOUND"
    message = "Tag not found"


class NotFound(ServiceError):
    """Nothing is served under this path."""

    status = 404
    code = "NOT_FOUND"
    message = "Not found"


class PayloadTooLarge(ServiceError):
    """The body is longer than it may be here; the details say how long that is."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "Payload too large"

    def __init__(self, longest: int) -> None:
        """Give the bytes that are allowed."""
        super().__init__(f"the body may have at most {longest} bytes")


class UnsupportedMediaType(ServiceError):
    """The body is not declared to be JSON."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "Unsupported media type"


class EmailExists(ServiceError):
    """Another account has this address."""

    status = 409
    code = "EMAIL_EXISTS"
    message = "Email already registered"


class UsernameExists(ServiceError):
    """Another account has this name."""

    status = 409
    code = "USERNAME_EXISTS"
    message = "Username already taken"


class AliasTaken(ServiceError):
    """Another link has this alias, or had it."""

    status = 409
    code = "ALIAS_TAKEN"
    message = "Alias already taken"


class TargetTaken(ServiceError):
    """While the service before this one writes too, a target can have one link only."""

    status = 409
    code = "TARGET_TAKEN"
    message = "Another link leads to this target"


class TagExists(ServiceError):
    """Another tag of the caller has this name."""

    status = 409
    code = "TAG_EXISTS"
    message = "Tag already exists"


class EditConflict(ServiceError):
    """Others changed the link again and again meanwhile."""

    status = 409
    code = "EDIT_CONFLICT"
    message = "The link is being changed by others"


class IdempotencyKeyInUse(ServiceError):
    """The same request is being answered just now."""

    status = 409
    code = "IDEMPOTENCY_KEY_IN_USE"
    message = "A request with this Idempotency-Key is under way"

    def __init__(self) -> None:
        super().__init__(retry_after=1)


class TooManyKeys(ServiceError):
    """The account has as many API keys as it may have."""

    status = 409
    code = "TOO_MANY_KEYS"
    message = "Too many API keys"


class OffsetConflict(ServiceError):
    """The part of a file does not begin where the last one ended."""

    status = 409
    code = "OFFSET_CONFLICT"
    message = "The upload goes on elsewhere"

    def __init__(self, offset: int) -> None:
        super().__init__(f"the next byte that is wanted is {offset}")
        self.offset = offset


class TooManyImports(ServiceError):
    """The account has as many unfinished imports as it may have."""

    status = 409
    code = "TOO_MANY_IMPORTS"
    message = "Too many imports are open"


class LinkGone(ServiceError):
    """The link leads nowhere any more; the details say why."""

    status = 410
    code = "LINK_GONE"
    message = "This link is gone"


class PreconditionFailed(ServiceError):
    """The link is no longer the one that If-Match names."""

    status = 412
    code = "PRECONDITION_FAILED"
    message = "The link has changed"


class IdempotencyKeyReused(ServiceError):
    """The key belongs to a request with another body."""

    status = 422
    code = "IDEMPOTENCY_KEY_REUSED"
    message = "This Idempotency-Key was used for another request"


class RateLimitExceeded(ServiceError):
    """The client asked too often; `limit` requests are allowed in `window` seconds."""

    status = 429
    code = "RATE_LIMIT_EXCEEDED"
    message = "Rate limit exceeded"

    def __init__(self, name: str, *, retry_after: int, limit: int, window: int) -> None:
        """Give the limit's `name` for the log."""
        super().__init__(retry_after=retry_after, reason=name)
        self.limit = limit
        self.window = window


class TransfersBusy(ServiceError):
    """As many exports and imports run in this worker as may at once."""

    status = 503
    code = "TRANSFERS_BUSY"
    message = "Too many exports and imports at once"

    def __init__(self) -> None:
        super().__init__(retry_after=2, reason="as many transfers as may run at once were running")


class DatabaseUnavailable(ServiceError):
    """PostgreSQL cannot be reached, is read-only or takes too long."""

    status = 503
    code = "DB_ERROR"
    message = "Database error"

    def __init__(self, cause: str) -> None:
        super().__init__(retry_after=1, reason=cause)


class IdGenerationFailed(ServiceError):
    """Ten generated codes in a row were taken."""

    status = 503
    code = "ID_GENERATION_FAILED"
    message = "Could not generate a short code"

    def __init__(self) -> None:
        super().__init__(retry_after=1, reason="ten codes in a row were taken")
