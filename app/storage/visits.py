"""The tables of visits: written in batches, each applied once."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg

from app.model.errors import DatabaseUnavailable
from app.model.visits import SLOT, Counted
from app.storage.causes import database_cause
from app.storage.database import Database
from app.storage.statements import Statement

MOST_VALUES = 200
"""Values of one dimension, link and day that are kept; what comes later is `other`."""
NO_MONTH = "a month has no table: run `look-after-visits`"
WRITERS_TURN = 7_316_294_652
"""Advisory lock: whoever writes visits. Nobody waits for it, and so nobody waits for a row."""

# Each array is in a SELECT of its own, so that a plan for given values is no better than one for
# any: PostgreSQL then plans once, not each time, which is two thirds of the work of a small batch.
# One statement is one transaction and one round trip. Without the turn, or when the batch is known
# already, `batch` is empty and nothing else happens. Each visit counts for its link and for the
# account that owns the link.
_WRITE = Statement(f"""
    WITH turn AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock({WRITERS_TURN}) AS taken
    ), batch AS (
        INSERT INTO visit_batches (id) SELECT %(id)s::uuid FROM turn WHERE taken
        ON CONFLICT DO NOTHING
        RETURNING id
    ), counted AS MATERIALIZED (
        SELECT given.*, urls.user_id
        FROM batch
        CROSS JOIN unnest(
            (SELECT %(codes)s::text[]), (SELECT %(slots)s::timestamptz[]),
            (SELECT %(visits)s::bigint[]), (SELECT %(bots)s::bigint[]),
            (SELECT %(scans)s::bigint[]), (SELECT %(last)s::timestamptz[])
        ) AS given (code, slot, visits, bots, scans, last)
        LEFT JOIN urls ON urls.id = given.code
    ), owners AS MATERIALIZED (
        SELECT DISTINCT code, user_id::text AS owner FROM counted WHERE user_id IS NOT NULL
    ), slots AS (
        INSERT INTO visit_slots AS kept (scope, slot, visits, bots, scans)
        SELECT scope, slot, sum(visits), sum(bots), sum(scans)
        FROM (
            SELECT code AS scope, slot, visits, bots, scans FROM counted
            UNION ALL
            SELECT user_id::text, slot, visits, bots, scans FROM counted WHERE user_id IS NOT NULL
        ) AS scoped
        GROUP BY scope, slot
        ON CONFLICT (scope, slot) DO UPDATE SET
            visits = kept.visits + excluded.visits,
            bots = kept.bots + excluded.bots,
            scans = kept.scans + excluded.scans
    ), totals AS (
        INSERT INTO link_counts AS kept (code, user_id, visits, bots, last_visit_at)
        SELECT code, user_id, sum(visits), sum(bots), max(last)
        FROM counted
        WHERE code <> ''
        GROUP BY code, user_id
        ON CONFLICT (code) DO UPDATE SET
            visits = kept.visits + excluded.visits,
            bots = kept.bots + excluded.bots,
            last_visit_at = greatest(kept.last_visit_at, excluded.last_visit_at)
    ), given_values AS MATERIALIZED (
        SELECT given.*
        FROM batch
        CROSS JOIN unnest(
            (SELECT %(value_codes)s::text[]), (SELECT %(days)s::date[]),
            (SELECT %(dimensions)s::smallint[]),
            (SELECT %(values)s::text[]), (SELECT %(counts)s::bigint[])
        ) AS given (code, day, dimension, value, visits)
    ), ranked AS (
        SELECT
            scope, day, dimension, value, sum(visits) AS visits,
            value = 'other' OR EXISTS (
                SELECT FROM visit_values AS kept
                WHERE (kept.scope, kept.day, kept.dimension, kept.value)
                    = (scoped.scope, scoped.day, scoped.dimension, scoped.value)
            ) AS known
        FROM (
            SELECT code AS scope, day, dimension, value, visits FROM given_values
            UNION ALL
            SELECT owners.owner, day, dimension, value, visits
            FROM given_values JOIN owners USING (code)
        ) AS scoped
        GROUP BY scope, day, dimension, value
    ), fitting AS (
        SELECT
            ranked.*,
            known OR (
                SELECT count(*) FROM (
                    SELECT FROM visit_values AS kept
                    WHERE (kept.scope, kept.day, kept.dimension)
                        = (ranked.scope, ranked.day, ranked.dimension)
                    LIMIT {MOST_VALUES}
                ) AS already
            ) + row_number() OVER (
                PARTITION BY scope, day, dimension, known ORDER BY visits DESC, value
            ) <= {MOST_VALUES} AS fits
        FROM ranked
    ), kept_values AS (
        INSERT INTO visit_values AS kept (scope, day, dimension, value, visits)
        SELECT scope, day, dimension, CASE WHEN fits THEN value ELSE 'other' END, sum(visits)
        FROM fitting
        GROUP BY 1, 2, 3, 4
        ON CONFLICT (scope, day, dimension, value) DO UPDATE SET
            visits = kept.visits + excluded.visits
    ), hashes AS (
        INSERT INTO visitor_hashes (code, day, hashes)
        SELECT given.*
        FROM batch
        CROSS JOIN unnest(
            (SELECT %(visitor_codes)s::text[]), (SELECT %(visitor_days)s::date[]),
            (SELECT %(hashes)s::bytea[])
        ) AS given (code, day, hashes)
    )
    SELECT taken FROM turn
""")  # noqa: S608  # numbers of ours alone
_SALTS = Statement("""
    WITH made AS (
        INSERT INTO visitor_salts (day, salt) VALUES (%(today)s, %(one)s), (%(tomorrow)s, %(two)s)
        ON CONFLICT DO NOTHING
        RETURNING day, salt
    )
    SELECT day, salt FROM made
    UNION
    SELECT day, salt FROM visitor_salts WHERE day BETWEEN %(yesterday)s AND %(tomorrow)s
""")


class VisitTable:
    """Write what was counted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, batch: UUID, counted: Counted) -> bool:
        """Apply a batch once; False: it is another worker's turn, try again in a moment.

        Raises DatabaseUnavailable, after which the batch may be applied or not: write it again.
        """
        try:
            rows = self._database.rows(
                _WRITE, _parameters(batch, counted), repeatable=True, aside=True
            )
        except psycopg.errors.CheckViolation:
            # These tables have no checks but the bounds of their parts.
            raise DatabaseUnavailable(NO_MONTH) from None
        except psycopg.Error as error:
            raise DatabaseUnavailable(database_cause(error)) from None
        return bool(rows and rows[0][0])

    def salts(self, today: date) -> dict[date, bytes]:
        """Return the salts of a day and of those beside it, made if nobody has; 32 bytes each."""
        values = {
            "today": today,
            "tomorrow": today + timedelta(days=1),
            "yesterday": today - timedelta(days=1),
            "one": secrets.token_bytes(32),
            "two": secrets.token_bytes(32),
        }
        rows = self._database.rows(_SALTS, values, repeatable=True, aside=True)
        return {day: bytes(salt) for day, salt in rows}


def _parameters(batch: UUID, counted: Counted) -> dict[str, object]:
    slots = list(counted.slots.items())
    values = list(counted.values.items())
    visitors = list(counted.visitors.items())
    return {
        "id": batch,
        "codes": [code for (code, _), _ in slots],
        "slots": [datetime.fromtimestamp(slot * SLOT, UTC) for (_, slot), _ in slots],
        "visits": [tally.visits for _, tally in slots],
        "bots": [tally.bots for _, tally in slots],
        "scans": [tally.scans for _, tally in slots],
        "last": [counted.last.get(code) for (code, _), _ in slots],
        "value_codes": [key[0] for key, _ in values],
        "days": [key[1] for key, _ in values],
        "dimensions": [key[2] for key, _ in values],
        "values": [key[3] for key, _ in values],
        "counts": [count for _, count in values],
        "visitor_codes": [code for (code, _), _ in visitors],
        "visitor_days": [day for (_, day), _ in visitors],
        "hashes": [
            b"".join(visitor.to_bytes(8, "big") for visitor in known) for _, known in visitors
        ],
    }
