"""The table of Idempotency-Keys: what was asked with them, and what was answered."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from app.storage.database import Database
from app.storage.statements import Statement

LEASE = 60
"""Seconds after which a request that has not been answered counts as dead."""
DAY = 86_400

_FORGET = Statement("""
    DELETE FROM idempotency_keys
    WHERE caller = %(caller)s AND key = %(key)s
        AND created_at < now() - %(day)s * interval '1 second'
    RETURNING id
""")
# Also takes over from a request that died: it is gone on with under the same number.
_CLAIM = Statement("""
    INSERT INTO idempotency_keys AS kept (caller, key, fingerprint)
    VALUES (%(caller)s, %(key)s, %(fingerprint)s)
    ON CONFLICT (caller, key) DO UPDATE SET claimed_at = now()
    WHERE kept.status IS NULL AND kept.fingerprint = excluded.fingerprint
        AND kept.claimed_at < now() - %(lease)s * interval '1 second'
    RETURNING id
""")
_READ = Statement("""
    SELECT fingerprint, status, answer FROM idempotency_keys
    WHERE caller = %(caller)s AND key = %(key)s
""")
_ANSWERED = Statement("""
    UPDATE idempotency_keys SET status = %(status)s, answer = %(answer)s WHERE id = %(id)s
    RETURNING id
""")
_GIVEN_UP = Statement("""
    UPDATE idempotency_keys SET claimed_at = '-infinity' WHERE id = %(id)s AND status IS NULL
    RETURNING id
""")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a key was used for before; no answer while that request is under way."""

    fingerprint: bytes
    status: int | None
    answer: bytes | None


class IdempotencyTable:
    """Read and write keys of callers; each lasts a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, caller: str, key: str, fingerprint: bytes) -> int | Kept:
        """Return the number under which to answer now, or what the key was used for."""
        values = {
            "caller": caller,
            "key": key,
            "fingerprint": fingerprint,
            "lease": LEASE,
            "day": DAY,
        }
        self._database.rows(_FORGET, values, repeatable=True)
        rows = self._database.rows(_CLAIM, values, repeatable=False)
        if rows:
            return int(rows[0][0])
        rows = self._database.rows(_READ, values, repeatable=True)
        if not rows:
            return Kept(fingerprint, None, None)  # just forgotten; the next try claims it
        kept, status, answer = rows[0]
        return Kept(bytes(kept), status, None if answer is None else zlib.decompress(answer))

    def answered(self, number: int, status: int, answer: bytes) -> None:
        """Keep the answer."""
        values = {"id": number, "status": status, "answer": zlib.compress(answer)}
        self._database.rows(_ANSWERED, values, repeatable=True)

    def given_up(self, number: int) -> None:
        """Let the next request with this key go on at once."""
        self._database.rows(_GIVEN_UP, {"id": number}, repeatable=True)
