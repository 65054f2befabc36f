"""Make, list and revoke API keys: the use cases of their owners."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from app import secret_keys
from app.access import Access
from app.fields import accept_tag, moment
from app.model.callers import ApiKey, Scope
from app.model.errors import InvalidLink, InvalidPayload, KeyNotFound
from app.storage.api_keys import ApiKeyTable, WantedKey

LONGEST_NAME = 100
"""Characters."""


@dataclass(frozen=True, slots=True)
class GivenKey:
    """What somebody wants of a key, as it was given."""

    name: str
    scopes: Sequence[str]
    expires_at: str | None = None
    tag: str | None = None


class Keys:
    """The use cases; errors beside those named: DatabaseUnavailable."""

    def __init__(self, table: ApiKeyTable, access: Access) -> None:
        self._table = table
        self._access = access

    def make(self, user: UUID, given: GivenKey) -> tuple[ApiKey, str]:
        """Return a new key and its secret, which nobody is told a second time.

        Errors: InvalidPayload with the reason, TooManyKeys, InvalidToken.
        """
        secret = secret_keys.generate()
        wanted = WantedKey(
            prefix=secret[: secret_keys.SHOWN],
            name=_name(given.name),
            scopes=_scopes(given.scopes),
            tag=_tag(given.tag),
            expires_at=_end(given.expires_at),
        )
        return self._table.insert(user, secret_keys.digest(secret), wanted), secret

    def list(self, user: UUID) -> list[ApiKey]:
        """Return a user's keys, the newest first."""
        return self._table.owned_by(user)

    def show(self, user: UUID, key: UUID) -> ApiKey:
        """Return one of a user's keys; raise KeyNotFound."""
        found = self._table.owned(key, user)
        if found is None:
            raise KeyNotFound
        return found

    def revoke(self, user: UUID, key: str) -> None:
        """End one of a user's keys; raise KeyNotFound."""
        try:
            number = UUID(key)
        except ValueError:
            raise KeyNotFound from None
        if not self._table.delete(number, user):
            raise KeyNotFound
        self._access.forget(user)


def _scopes(given: Sequence[str]) -> list[str]:
    unknown = [scope for scope in given if scope not in set(Scope)]
    if unknown or not given:
        raise InvalidPayload(f"scopes must be one or more of {', '.join(Scope)}")
    return [scope for scope in Scope if scope in given]


def _name(given: str) -> str:
    name = given.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidPayload(f"the name of a key has 1 to {LONGEST_NAME} characters")
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in name):
        raise InvalidPayload("the name of a key has no control characters")
    return name


def _end(given: str | None) -> datetime | None:
    try:
        ends = moment("expires_at", given)
    except InvalidLink as error:
        raise InvalidPayload(error.details) from None
    if ends is not None and ends <= datetime.now(UTC):
        raise InvalidPayload("expires_at must be in the future")
    return ends


def _tag(given: str | None) -> str | None:
    try:
        return None if given is None else accept_tag(given)
    except InvalidLink as error:
        raise InvalidPayload(error.details) from None
