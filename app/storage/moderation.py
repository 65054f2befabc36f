"""What the people who run the service do about links, for the command `shortener-admin`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from app.config import PostgresSettings
from app.model.managed_links import BlockedHost
from app.storage.connections import BoundedConnection, Row, connect
from app.storage.statements import Statement

# `disabled_at` is all that a visit looks at. What its owner disabled, before or while the link is
# locked, is kept beside it (managed_links.py, account_ends.py) and goes on when the lock ends.
_DISABLE = Statement("""
    UPDATE urls
    SET owner_disabled_at = CASE WHEN locked_because IS NULL THEN disabled_at
            ELSE owner_disabled_at END,
        disabled_at = coalesce(disabled_at, now()), locked_because = %(reason)s,
        target_digest = NULL, digest_due = false
    WHERE id = %(code)s
    RETURNING original_url
""")
_ENABLE = Statement("""
    UPDATE urls
    SET disabled_at = owner_disabled_at, owner_disabled_at = NULL, locked_because = NULL
    WHERE id = %(code)s AND locked_because IS NOT NULL
    RETURNING original_url
""")
_BLOCK = Statement("""
    INSERT INTO blocked_hosts (host, reason) VALUES (%(host)s, %(reason)s)
    ON CONFLICT (host) DO UPDATE SET reason = excluded.reason
    RETURNING host
""")
_UNBLOCK = Statement("DELETE FROM blocked_hosts WHERE host = %(host)s RETURNING host")
_BLOCKED = Statement("SELECT host, reason, created_at FROM blocked_hosts ORDER BY host")
_MOST = Statement("""
    SELECT value, sum(links)::bigint, max(minute) FROM link_creations
    WHERE kind = %(kind)s AND minute >= now() - %(minutes)s * interval '1 minute'
    GROUP BY value
    ORDER BY 2 DESC, 1
    LIMIT %(limit)s
""")


class Moderation:
    """Each act is in force everywhere within 5 seconds; every method raises psycopg.Error."""

    def __init__(self, connection: BoundedConnection) -> None:
        self._connection = connection

    def disable(self, code: str, reason: str) -> bool:
        """Disable a link so that its owner cannot enable it; False if there is none."""
        return bool(self._run(_DISABLE, code=code, reason=reason))

    def enable(self, code: str) -> bool:
        """Undo `disable`, and nothing that the owner did; False for a link not disabled by it."""
        return bool(self._run(_ENABLE, code=code))

    def block(self, host: str, reason: str) -> None:
        """Let no link lead to a host or below it."""
        self._run(_BLOCK, host=host, reason=reason)

    def unblock(self, host: str) -> bool:
        """Undo `block`; False for a host that is not blocked."""
        return bool(self._run(_UNBLOCK, host=host))

    def blocked(self) -> list[BlockedHost]:
        """Return all blocked hosts by name."""
        return [BlockedHost(*row) for row in self._run(_BLOCKED)]

    def most_created(self, kind: str, minutes: int, limit: int) -> list[tuple[str, int, datetime]]:
        """Return for each `address` or `host` how many links were made, and when the last."""
        rows = self._run(_MOST, kind=kind, minutes=minutes, limit=limit)
        return [(value, links, last) for value, links, last in rows]

    def _run(self, statement: Statement, **values: object) -> list[Row]:
        return self._connection.rows(statement.text, statement.values(values))


@contextlib.contextmanager
def moderation(settings: PostgresSettings) -> Iterator[Moderation]:
    """Connect; raise psycopg.Error."""
    with connect(settings, application_name="shortener-admin") as connection:
        yield Moderation(connection)
