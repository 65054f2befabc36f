"""Forget what has had its time: changes, answers of Idempotency-Keys, imports, who made what."""

from __future__ import annotations

import random
import time

from app.storage.connections import BoundedConnection
from app.storage.creations import KEPT_HOURS
from app.storage.idempotency import DAY
from app.storage.imports import KEPT_DAYS
from app.storage.statements import Statement

INTERVAL = 60.0
"""Seconds between two rounds of a worker, on average."""
_BATCH = 5_000
_IMPORTS = 20
"""Each may have 10,000 refusals."""
_CHANGES_KEPT = 2 * DAY
"""Seconds: twice as long as an entry for a link stays in Redis."""

_ROUNDS = (
    Statement("""
        DELETE FROM link_changes WHERE ctid = ANY (ARRAY(
            SELECT changes.ctid FROM link_changes AS changes, link_feed
            WHERE changes.xid < link_feed.forgotten_before
                OR changes.changed_at < now() - %(changes)s * interval '1 second'
            LIMIT %(batch)s
        ))
        RETURNING 1
    """),
    Statement("""
        DELETE FROM link_creations WHERE minute < now() - %(hours)s * interval '1 hour'
        RETURNING 1
    """),
    Statement("""
        WITH old AS (
            DELETE FROM idempotency_keys WHERE id = ANY (ARRAY(
                SELECT id FROM idempotency_keys
                WHERE created_at < now() - %(day)s * interval '1 second'
                LIMIT %(batch)s
            ))
            RETURNING id
        )
        DELETE FROM idempotent_links WHERE request IN (SELECT id FROM old)
        RETURNING 1
    """),
    Statement("""
        DELETE FROM imports WHERE id = ANY (ARRAY(
            SELECT id FROM imports WHERE changed_at < now() - %(import_days)s * interval '1 day'
            LIMIT %(imports)s
        ))
        RETURNING 1
    """),
)


class Housekeeping:
    """Done by every worker now and then; what another has done already is quick."""

    def __init__(self) -> None:
        self._due = time.monotonic() + random.uniform(0, INTERVAL)  # noqa: S311  # no secret

    def __call__(self, connection: BoundedConnection) -> None:
        """Delete a batch of each, if it is time; raise psycopg.Error."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + random.uniform(0.5, 1.5) * INTERVAL  # noqa: S311  # no secret
        values = {
            "changes": _CHANGES_KEPT,
            "hours": KEPT_HOURS,
            "day": DAY,
            "batch": _BATCH,
            "import_days": KEPT_DAYS,
            "imports": _IMPORTS,
        }
        for statement in _ROUNDS:
            connection.rows(statement.text, statement.values(values))
