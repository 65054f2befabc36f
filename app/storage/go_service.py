"""Signs that the Go service, which this one replaces, is still at work."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

# Its driver gives no name; everything of ours has one, and so have psql and most other tools.
_SESSIONS = """
    SELECT count(*), min(backend_start)::text, string_agg(DISTINCT host(client_addr), ', ')
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND application_name = '' AND pid <> pg_backend_pid() AND usename <> 'rdsadmin'
"""
# Its rows are due for a digest until `migrate` runs the next time; created_at is in UTC.
_ROWS = """
    SELECT count(*) FROM urls
    WHERE digest_due AND created_at > timezone('utc', now()) - interval '1 hour'
"""
_HAS_MARK = """
    SELECT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('urls') AND attname = 'digest_due' AND NOT attisdropped
    )
"""


@dataclass(frozen=True, slots=True)
class SignsOfGo:
    """How many sessions may be the Go service's, and how many links it wrote in the last hour."""

    sessions: int
    since: str | None
    addresses: str | None
    rows: int

    def __bool__(self) -> bool:
        return bool(self.sessions or self.rows)

    def __str__(self) -> str:
        said = []
        if self.sessions:
            where = f" from {self.addresses}" if self.addresses else ""
            said.append(f"{self.sessions} sessions without a name{where}, since {self.since}")
        if self.rows:
            said.append(f"{self.rows} links written within the last hour")
        return "; ".join(said) or "none"


def look_for_go_service(connection: psycopg.Connection) -> SignsOfGo:
    """Return the signs that it is at work on this database."""
    sessions, since, addresses = connection.execute(_SESSIONS).fetchone() or (0, None, None)
    rows = 0
    if connection.execute(_HAS_MARK).fetchone() == (True,):
        (rows,) = connection.execute(_ROWS).fetchone() or (0,)
    return SignsOfGo(sessions, since, addresses, rows)
