"""Give the rows that the Go service wrote beside us the digest by which links are found again."""

from __future__ import annotations

import psycopg

from app.model.errors import InvalidUrl
from app.targets import accept

_DUE = "SELECT id, original_url FROM urls WHERE digest_due LIMIT 500"
_SETTLE = """
    UPDATE urls SET target_digest = coalesce(target_digest, %s), digest_due = false WHERE id = %s
"""
# The same owner has another link with this target, which is the one that is found.
_LEAVE = "UPDATE urls SET digest_due = false WHERE id = %s"


def digest_of(url: str) -> bytes | None:
    """Return the digest of a stored target, None for one that no new link could have."""
    try:
        return accept(url, own_hosts=frozenset(), local=True).digest
    except InvalidUrl:
        return None


def settle(connection: psycopg.Connection) -> int:
    """Give every row that is due its digest; return how many were.

    Each row is settled by a statement of its own, on a connection in autocommit mode, so that
    links being made at the same time decide by the unique indexes and nobody waits for long.
    """
    settled = 0
    while due := connection.execute(_DUE).fetchall():
        for code, url in due:
            try:
                connection.execute(_SETTLE, (digest_of(url), code))
            except psycopg.errors.UniqueViolation:
                connection.execute(_LEAVE, (code,))
        settled += len(due)
    return settled
