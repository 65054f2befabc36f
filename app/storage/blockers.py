"""Who holds a lock that others wait for, asked of PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg

PREPARED = 0
"""What PostgreSQL gives for the process id of a prepared transaction."""

_EDGES = """
    SELECT waiting.pid, blocker,
        coalesce(extract(epoch FROM clock_timestamp() - waiting.query_start), 0)::float8
    FROM pg_stat_activity AS waiting, unnest(pg_blocking_pids(waiting.pid)) AS blocker
    WHERE waiting.datname = current_database()
"""
# Whoever has such a lock keeps even readers out, from the next one that comes.
_KEEPING_OUT = """
    FROM pg_locks
    WHERE granted AND locktype = 'relation' AND mode = 'AccessExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND relation IN (
            SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid)
        )
        AND pid IS NOT NULL AND pid <> pg_backend_pid()
"""
# What the waiting ones want, or else what the session has for itself.
_SESSION = f"""
    SELECT usename, application_name, state, query, backend_start::text,
        extract(epoch FROM clock_timestamp() - coalesce(xact_start, query_start))::float8,
        coalesce(
            (SELECT string_agg(DISTINCT relation::regclass::text, ', ') FROM pg_locks
             WHERE pid = ANY ($2)
                AND (locktype = 'tuple' OR locktype = 'relation' AND NOT granted)),
            (SELECT string_agg(DISTINCT relation::regclass::text, ', ') {_KEEPING_OUT}
                AND pid = $1))
    FROM pg_stat_activity WHERE pid = $1
"""  # noqa: S608  # of constants alone
_HOLDERS = f"SELECT DISTINCT pid {_KEEPING_OUT}"
_PREPARED = """
    SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::float8
    FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared LIMIT 1
"""
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
_KIND = re.compile(
    r"(?:lock table|lock|(?:alter|create|drop|truncate|reindex|cluster|refresh|comment)"
    r"(?: unique)?(?: \w+)?|vacuum|analyze|select|insert|update|delete|merge|copy|with|begin|commit"
    r"|rollback|savepoint|fetch|declare|do|call|set)\b"
)
_COMMENTS = re.compile(r"--[^\n]*\n?|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that waits for nobody and that others wait for."""

    pid: int
    """PREPARED for a prepared transaction."""
    user: str
    application: str
    idle: bool
    """It runs nothing: its transaction was left open."""
    statement: str
    """What kind it runs, or ran last; never the statement itself, which holds data."""
    seconds: float | None
    """Since its transaction began; None where the role may not see it."""
    tables: str
    waiting: int
    """Sessions, those counted that wait behind others."""
    longest_wait: float
    """Seconds."""
    end: str
    """The statement that ends it."""


def read_blockers(connection: psycopg.Connection) -> list[Blocker]:
    """Return who holds everybody up, those that hold up most first."""
    edges = connection.execute(_EDGES.encode()).fetchall()
    waits: dict[int, float] = {int(pid): float(seconds) for pid, _, seconds in edges}
    behind = _behind((int(pid), int(blocker)) for pid, blocker, _ in edges)
    found = [
        _session(connection, root, held, max(waits[pid] for pid in held))
        for root, held in behind.items()
    ]
    return sorted(found, key=lambda blocker: -blocker.waiting)


def read_holders(connection: psycopg.Connection) -> list[Blocker]:
    """Return who has a table for itself, whether or not anybody waits for it at this moment."""
    held = connection.execute(_HOLDERS.encode()).fetchall()
    return [_session(connection, int(pid), set(), 0.0) for (pid,) in held]


def _behind(edges: Iterable[tuple[int, int]]) -> Mapping[int, set[int]]:
    """Return, for each that waits for nobody, all who wait for it, also behind others."""
    held: dict[int, set[int]] = {}
    waiting: set[int] = set()
    for pid, blocker in edges:
        held.setdefault(blocker, set()).add(pid)
        waiting.add(pid)
    behind: dict[int, set[int]] = {}
    for root in held.keys() - waiting:
        reached: set[int] = set()
        ahead = set(held[root])
        while ahead:
            pid = ahead.pop()
            if pid not in reached:
                reached.add(pid)
                ahead |= held.get(pid, set())
        behind[root] = reached
    return behind


def _session(connection: psycopg.Connection, pid: int, held: set[int], wait: float) -> Blocker:
    if pid == PREPARED:
        return _prepared(connection, len(held), wait)
    row = connection.execute(_SESSION.encode(), (pid, list(held))).fetchone() or (None,) * 7
    user, application, state, query, begun, seconds, tables = row
    # The same process id may be another session's by the time this is run.
    same = f" AND backend_start = '{begun}'" if begun else ""
    return Blocker(
        pid=pid,
        user=str(user or "of the server itself"),
        application=str(application or ""),
        idle=str(state or "").startswith("idle"),
        statement=kind_of(str(query or "")),
        seconds=None if seconds is None else float(seconds),
        tables=str(tables or ""),
        waiting=len(held),
        longest_wait=wait,
        end=f"{_END} WHERE pid = {pid}{same}",
    )


def _prepared(connection: psycopg.Connection, waiting: int, wait: float) -> Blocker:
    gid, seconds = connection.execute(_PREPARED.encode()).fetchone() or ("", None)
    quoted = str(gid).replace("'", "''")
    return Blocker(
        pid=PREPARED,
        user="a prepared transaction",
        application="",
        idle=True,
        statement="PREPARE TRANSACTION",
        seconds=None if seconds is None else float(seconds),
        tables="",
        waiting=waiting,
        longest_wait=wait,
        end=f"ROLLBACK PREPARED '{quoted}'",
    )


def kind_of(query: str) -> str:
    """Return the statement's kind in SQL's own words, `a statement` for any that is not known."""
    words = " ".join(_COMMENTS.sub(" ", query).lower().split())
    match = _KIND.match(words)
    return match[0].upper() if match else "a statement"
