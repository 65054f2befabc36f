"""Whether the Go service can still write to the database: two phases, expanded and contracted.

It inserts with `ON CONFLICT (original_url)`, which needs a unique index over exactly that column.
While there is one, the database is *shared*: a target has one link whoever owns it, and cannot be
longer than a B-tree takes. Without one, the Go service is *retired*: each owner has links of their
own. The phase is read from the index itself and never noted down elsewhere; what else differs
between the two (below) changes in the transaction that takes the index away.
"""

from __future__ import annotations

import psycopg

from app.storage import indexes

GO_SERVICE_CAN_WRITE = """
    SELECT EXISTS (
        SELECT FROM pg_index AS indexes
        JOIN pg_attribute AS columns ON columns.attrelid = indexes.indrelid
        WHERE indexes.indrelid = to_regclass('urls')
            AND columns.attname = 'original_url'
            AND indexes.indnkeyatts = 1 AND indexes.indkey[0] = columns.attnum
            AND indexes.indisunique AND indexes.indimmediate AND indexes.indisvalid
            AND indexes.indpred IS NULL
    )
"""
# A default is for rows that do not name the column: those of the Go service. Ours name it.
MARK_ROWS_OF_OTHERS = "ALTER TABLE urls ALTER COLUMN digest_due SET DEFAULT true"

_REPEATED = """
    SELECT count(*) FROM (
        SELECT FROM urls GROUP BY original_url HAVING count(*) > 1
    ) AS repeated
"""
# Before compression: some of these would fit.
_LONG = "SELECT count(*) FROM urls WHERE octet_length(original_url) > 2704"
_UNIQUE_INDEX = "urls_original_url_unique"
_PASSING_INDEX = "urls_readmission_idx"
_DUE_INDEX = "urls_digest_due_idx"
# Which link a create has to give because the Go service's constraint leaves it no other: the
# owner's own that the Go service wrote, found by digest, else anybody's with this very target.
# PostgreSQL puts the body of such a function in place of the call: prepared statements follow
# when it is replaced, and the other one, which never has a row, costs nothing.
_LINK_OF_SHARED_DATABASE = """
    CREATE OR REPLACE FUNCTION shared_link(url varchar, digest bytea, owner uuid)
    RETURNS TABLE (id varchar) LANGUAGE sql STABLE
    AS $$
        SELECT found.id FROM (
            SELECT urls.id, 1 AS place FROM urls
            WHERE urls.digest_due AND link_target_digest(urls.original_url) = $2
                AND urls.user_id IS NOT DISTINCT FROM $3
            UNION ALL
            SELECT urls.id, 2 FROM urls WHERE urls.original_url = $1
        ) AS found
        ORDER BY found.place, found.id
        LIMIT 1
    $$
"""
NO_SHARED_LINK = """
    CREATE OR REPLACE FUNCTION shared_link(url varchar, digest bytea, owner uuid)
    RETURNS TABLE (id varchar) LANGUAGE sql STABLE
    AS $$ SELECT NULL::varchar WHERE false $$
"""


def go_service_can_write(connection: psycopg.Connection) -> bool:
    """Tell whether the database is in the shared phase."""
    return connection.execute(GO_SERVICE_CAN_WRITE).fetchone() == (True,)


def share(connection: psycopg.Connection) -> None:
    """Let our creates take the Go service's constraint and its rows into account.

    On a connection in autocommit mode.
    """
    indexes.build(
        connection,
        _DUE_INDEX,
        "urls (link_target_digest(original_url)) WHERE digest_due",
    )
    with connection.transaction():
        connection.execute(MARK_ROWS_OF_OTHERS)
        connection.execute(_LINK_OF_SHARED_DATABASE)


def obstacles(connection: psycopg.Connection) -> str:
    """Return what may stand in the way of the Go service's constraint, or an empty text."""
    (repeated,) = connection.execute(_REPEATED).fetchone() or (0,)
    (long,) = connection.execute(_LONG).fetchone() or (0,)
    said = []
    if repeated:
        said.append(f"{repeated} targets have more than one link")
    if long:
        said.append(f"{long} targets are longer than 2,704 bytes")
    return "; ".join(said)


def readmit(connection: psycopg.Connection) -> None:
    """Give the Go service a unique index over targets; on a connection in autocommit mode.

    Creates follow the index before it is there: until then they find links by one that takes
    targets of any length. Raises UniqueViolation or ProgramLimitExceeded for what `obstacles`
    counts, and then leaves that half done.
    """
    indexes.build(connection, _PASSING_INDEX, "urls USING hash (original_url)")
    share(connection)
    indexes.build_unique(connection, _UNIQUE_INDEX, "urls (original_url)")
    indexes.drop(connection, _PASSING_INDEX)
