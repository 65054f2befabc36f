"""Give the rows that the Go service wrote beside us the digest by which links are found again."""

from __future__ import annotations

import psycopg

from app.targets import digest_of

Row = tuple[str, bytes | None]

_HOW_MANY = "SELECT count(*) FROM urls WHERE digest_due"
_DUE = "SELECT id, original_url FROM urls WHERE digest_due LIMIT 200"
_SETTLE = """
    UPDATE urls SET target_digest = coalesce(target_digest, due.digest), digest_due = false
    FROM unnest(%s::varchar[], %s::bytea[]) AS due (id, digest)
    WHERE urls.id = due.id
"""
# The same owner has another link with this target, which is the one that is found.
_LEAVE = "UPDATE urls SET digest_due = false WHERE id = %s"


def settle(connection: psycopg.Connection) -> int:
    """Give as many rows their digest as are due now; return how many those were.

    The Go service may write faster than this: the rest is for the next run. Rows are settled in
    small batches, on a connection in autocommit mode, so that links being made at the same time
    decide by the unique indexes and nobody waits for long.
    """
    (left,) = connection.execute(_HOW_MANY).fetchone() or (0,)
    settled = 0
    while settled < left and (due := connection.execute(_DUE).fetchall()):
        digests = [(code, digest_of(url)) for code, url in due]
        try:
            _settle(connection, digests)
        except psycopg.errors.UniqueViolation:
            for row in digests:
                _settle_one(connection, row)
        settled += len(due)
    return settled


def _settle(connection: psycopg.Connection, rows: list[Row]) -> None:
    codes, digests = zip(*rows, strict=True)
    connection.execute(_SETTLE, (list(codes), list(digests)))


def _settle_one(connection: psycopg.Connection, row: Row) -> None:
    try:
        _settle(connection, [row])
    except psycopg.errors.UniqueViolation:
        connection.execute(_LEAVE, (row[0],))
