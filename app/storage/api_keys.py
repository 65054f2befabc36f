"""The table of API keys, for their owners; and when keys were used last."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from app.model.callers import ApiKey
from app.model.errors import InvalidToken, TokenFault, TooManyKeys
from app.storage.connections import BoundedConnection
from app.storage.database import Database
from app.storage.statements import Statement

MOST = 100
"""Keys of one account."""
USE_INTERVAL = 60.0
"""Seconds between two notes of a key's use."""
MOST_USES = 20_000
"""Keys whose use is remembered; one more is noted at its next use."""

_ATTEMPTS = 10
_COLUMNS = "id, name, prefix, scopes, tag, created_at, expires_at, last_used_at"
# Each key takes a place of its own, so that keys made at the same moment are never one too many.
_INSERT = Statement(f"""
    WITH owner AS (
        SELECT id FROM users WHERE id = %(user)s AND deleted_at IS NULL
    ), free AS (
        SELECT min(places.place) AS place
        FROM generate_series(1, %(most)s::integer) AS places (place)
        WHERE NOT EXISTS (
            SELECT FROM api_keys AS taken
            WHERE taken.user_id = %(user)s AND taken.place = places.place::smallint
        )
    ), inserted AS (
        INSERT INTO api_keys (user_id, place, digest, prefix, name, scopes, tag, expires_at)
        SELECT owner.id, free.place, %(digest)s, %(prefix)s, %(name)s, %(scopes)s::text[],
            %(tag)s::text, %(expires_at)s::timestamptz
        FROM owner, free WHERE free.place IS NOT NULL
        ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest
        RETURNING {_COLUMNS}
    )
    SELECT EXISTS (SELECT FROM owner), inserted.* FROM (SELECT) AS one LEFT JOIN inserted ON true
""")  # noqa: S608  # columns of ours
_LIST = Statement(
    f"SELECT {_COLUMNS} FROM api_keys WHERE user_id = %(user)s ORDER BY created_at DESC, id"  # noqa: S608  # columns of ours
)
_SELECT = Statement(f"SELECT {_COLUMNS} FROM api_keys WHERE id = %(key)s AND user_id = %(user)s")  # noqa: S608  # columns of ours
_DELETE = Statement("DELETE FROM api_keys WHERE id = %(key)s AND user_id = %(user)s RETURNING id")
# Several workers note the same use; one writes it. In the order of numbers: nobody waits in a
# circle.
_USED = Statement("""
    UPDATE api_keys SET last_used_at = used.at
    FROM (
        SELECT api_keys.id, given.at
        FROM unnest(%(keys)s::uuid[], %(moments)s::timestamptz[]) AS given (id, at)
        JOIN api_keys ON api_keys.id = given.id
        WHERE api_keys.last_used_at IS NULL
            OR api_keys.last_used_at < given.at - %(seconds)s * interval '1 second'
        ORDER BY api_keys.id
        FOR UPDATE OF api_keys SKIP LOCKED
    ) AS used
    WHERE api_keys.id = used.id
    RETURNING api_keys.id
""")


@dataclass(frozen=True, slots=True)
class WantedKey:
    """What a new key shall be, checked."""

    prefix: str
    name: str
    scopes: Sequence[str]
    tag: str | None
    expires_at: datetime | None


class ApiKeyTable:
    """Read and write keys; errors are DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, user: UUID, digest: bytes, wanted: WantedKey) -> ApiKey:
        """Return the new key; raise TooManyKeys, or InvalidToken where the account is gone."""
        values = {
            "user": user,
            "digest": digest,
            "prefix": wanted.prefix,
            "name": wanted.name,
            "scopes": list(wanted.scopes),
            "tag": wanted.tag,
            "expires_at": wanted.expires_at,
            "most": MOST,
        }
        for _ in range(_ATTEMPTS):
            try:
                # Run again, because its answer was lost, it finds the key that it has made.
                ((known, *made),) = self._database.rows(_INSERT, values, repeatable=True)
            except psycopg.errors.UniqueViolation:
                continue  # another key took the place at the same moment
            if not known:
                raise InvalidToken(TokenFault.USER_GONE)
            if made[0] is None:
                break
            return _key(made)
        raise TooManyKeys(f"an account has at most {MOST} keys")

    def owned_by(self, user: UUID) -> list[ApiKey]:
        """Return a user's keys, the newest first."""
        return [_key(row) for row in self._database.rows(_LIST, {"user": user}, repeatable=True)]

    def owned(self, key: UUID, user: UUID) -> ApiKey | None:
        """Return one of a user's keys."""
        rows = self._database.rows(_SELECT, {"key": key, "user": user}, repeatable=True)
        return _key(rows[0]) if rows else None

    def delete(self, key: UUID, user: UUID) -> bool:
        """Delete one of a user's keys; False if it is not there."""
        values = {"key": key, "user": user}
        return bool(self._database.rows(_DELETE, values, repeatable=True))


class KeyUses:
    """When keys were used last: noted by requests, written by the background thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[UUID, datetime] = {}
        self._written: dict[UUID, float] = {}

    def note(self, key: UUID) -> None:
        """Note that a key is used now; asks nobody."""
        now = time.monotonic()
        if now - self._written.get(key, float("-inf")) < USE_INTERVAL:
            return
        with self._lock:
            if len(self._due) < MOST_USES:
                self._due.setdefault(key, datetime.now(UTC))

    def write(self, connection: BoundedConnection) -> None:
        """Write what was noted; raise psycopg.Error, after which it is still noted."""
        with self._lock:
            due = dict(self._due)
        if not due:
            return
        values = {
            "keys": list(due),
            "moments": list(due.values()),
            # Less than the interval by what the clocks of tasks may differ.
            "seconds": USE_INTERVAL - 5,
        }
        connection.rows(_USED.text, _USED.values(values))
        now = time.monotonic()
        with self._lock:
            for key in due:
                del self._due[key]
            # What was written longer ago may be written again, and need not be remembered.
            kept = {key: at for key, at in self._written.items() if now - at < USE_INTERVAL}
            self._written = {**kept, **dict.fromkeys(due, now)}


def _key(row: Sequence[object]) -> ApiKey:
    number, name, prefix, scopes, *rest = row
    return ApiKey(number, name, prefix, tuple(scopes), *rest)  # type: ignore[arg-type]  # as listed
