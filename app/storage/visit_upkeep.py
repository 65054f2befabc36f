"""Look after the tables of visits: fold what is small or old, make and drop months.

Everything goes in steps of bounded size, each a transaction of its own; whoever comes second does
nothing. It runs in a process of its own: the library of sketches weighs as much as a third of a
worker, and folding must not take the interpreter from requests.
"""

from __future__ import annotations

import contextlib
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from datasketches import cpc_sketch, cpc_union

from app.config import PostgresSettings
from app.storage.connections import connect
from app.storage.owner_sketches import LG_K, rebuild
from app.visit_policy import VisitPolicy

MOST_HASHES = 500
"""Rows of hashes that one step folds; each is what one worker saw in a second or more."""
MOST_SLOTS = 20_000
MONTHS_AHEAD = 3
_UPKEEP_TURN = 7_316_294_653
_SALTS_KEPT = timedelta(days=1)
"""Beside today's: what is still being written at midnight is of yesterday."""


@dataclass(slots=True)
class Done:
    """What was done; all zero when there was nothing to do."""

    visitors: int = 0
    """Rows of hashes that went into sketches."""
    sketches: int = 0
    """Days of owners that were merged again: a link of theirs began anew."""
    slots: int = 0
    """Quarters of an hour that went into days."""
    months_made: int = 0
    months_dropped: int = 0


def look_after(
    settings: PostgresSettings, policy: VisitPolicy, now: datetime | None = None
) -> Done:
    """Do all that is to be done; raise psycopg.Error, after which it can simply be run again."""
    today = (now or datetime.now(UTC)).date()
    done = Done()
    with connect(settings) as connection:
        done.months_made = _number(
            connection, "SELECT visit_partitions($1, $2)", today, MONTHS_AHEAD
        )
        while rows := _fold_hashes(connection, today):
            done.visitors += rows
        while days := _rebuild(connection):
            done.sketches += days
        while rows := _fold_slots(connection, today - timedelta(days=policy.hours_kept)):
            done.slots += rows
        done.months_dropped = _number(
            connection, "SELECT visit_partitions_drop($1)", today - timedelta(days=policy.days_kept)
        )
        # All of its rows are days by now.
        done.months_dropped += _number(
            connection,
            "SELECT visit_partitions_drop($1, 'visit_slots')",
            today - timedelta(days=policy.hours_kept),
        )
        connection.execute("DELETE FROM visitor_salts WHERE day < $1", (today - _SALTS_KEPT,))
        connection.execute("DELETE FROM visit_batches WHERE written_at < now() - interval '1 day'")
    return done


def _number(connection: psycopg.Connection[Any], statement: str, *values: object) -> int:
    row = connection.execute(statement.encode(), values).fetchone()
    return int(row[0]) if row else 0


@contextlib.contextmanager
def _turn(connection: psycopg.Connection[Any]) -> Iterator[bool]:
    with connection.transaction():
        row = connection.execute("SELECT pg_try_advisory_xact_lock($1)", (_UPKEEP_TURN,)).fetchone()
        yield bool(row and row[0])


def _fold_hashes(connection: psycopg.Connection[Any], today: date) -> int:
    """Fold some rows of hashes into the sketches of their links and owners; return how many."""
    with _turn(connection) as ours:
        if not ours:
            return 0
        rows = connection.execute(
            "DELETE FROM visitor_hashes WHERE ctid = ANY (ARRAY("
            " SELECT ctid FROM visitor_hashes WHERE hashes <> '' LIMIT $1))"
            " RETURNING code, day, hashes",
            (MOST_HASHES,),
        ).fetchall()
        # What a day of long ago left behind has no salt and maybe no month any more.
        recent = [row for row in rows if row[1] >= today - timedelta(days=27)]
        if recent:
            _merge(connection, recent)
        return len(rows)


def _rebuild(connection: psycopg.Connection[Any]) -> int:
    with _turn(connection) as ours:
        return rebuild(connection) if ours else 0


def _merge(connection: psycopg.Connection[Any], rows: list[tuple[str, date, bytes]]) -> None:
    owners = dict(
        connection.execute(
            "SELECT id, user_id::text FROM urls WHERE id = ANY ($1) AND user_id IS NOT NULL",
            (list({code for code, _, _ in rows}),),
        ).fetchall()
    )
    fresh: defaultdict[tuple[str, date], Any] = defaultdict(lambda: cpc_sketch(LG_K))
    for code, day, hashes in rows:
        for scope in {code, owners.get(code, code)}:
            sketch = fresh[scope, day]
            for (visitor,) in struct.iter_unpack(">q", hashes):
                sketch.update(visitor)
    keys = sorted(fresh)
    scopes, days = [scope for scope, _ in keys], [day for _, day in keys]
    kept = {
        (scope, day): (visitors, bytes(sketch))
        for scope, day, visitors, sketch in connection.execute(
            "SELECT kept.scope, kept.day, visitors, sketch"
            " FROM unnest($1::text[], $2::date[]) AS asked (scope, day)"
            " JOIN visitor_sketches AS kept USING (scope, day)",
            (scopes, days),
        )
    }
    merged = [_merged(fresh[key], kept.get(key)) for key in keys]
    connection.execute(
        "INSERT INTO visitor_sketches AS kept (scope, day, visitors, sketch)"
        " SELECT * FROM unnest($1::text[], $2::date[], $3::bigint[], $4::bytea[])"
        " ON CONFLICT (scope, day) DO UPDATE SET"
        " visitors = excluded.visitors, sketch = excluded.sketch",
        (scopes, days, [visitors for visitors, _ in merged], [sketch for _, sketch in merged]),
    )
    more: defaultdict[str, int] = defaultdict(int)
    for key, (visitors, _) in zip(keys, merged, strict=True):
        more[key[0]] += visitors - (kept[key][0] if key in kept else 0)
    connection.execute(
        "UPDATE link_counts SET visitors = link_counts.visitors + given.more"
        " FROM unnest($1::text[], $2::bigint[]) AS given (code, more)"
        " WHERE link_counts.code = given.code",
        (list(more), list(more.values())),
    )


def _merged(fresh: Any, kept: tuple[int, bytes] | None) -> tuple[int, bytes]:
    union = cpc_union(LG_K)
    union.update(fresh)
    if kept is not None:
        union.update(cpc_sketch.deserialize(kept[1]))
    sketch = union.get_result()
    return round(sketch.get_estimate()), sketch.serialize()


def _fold_slots(connection: psycopg.Connection[Any], before: date) -> int:
    """Fold some quarters of an hour into days of UTC; return how many."""
    with _turn(connection) as ours:
        if not ours:
            return 0
        return _number(
            connection,
            "WITH old AS ("
            " SELECT tableoid, ctid FROM visit_slots WHERE slot < $1 LIMIT $2"
            "), moved AS ("
            " DELETE FROM visit_slots AS kept USING old"
            " WHERE (kept.tableoid, kept.ctid) = (old.tableoid, old.ctid)"
            " RETURNING scope, (slot AT TIME ZONE 'UTC')::date AS day, visits, bots, scans"
            "), days AS ("
            " INSERT INTO visit_days AS kept (scope, day, visits, bots, scans)"
            " SELECT scope, day, sum(visits), sum(bots), sum(scans) FROM moved GROUP BY scope, day"
            " ON CONFLICT (scope, day) DO UPDATE SET visits = kept.visits + excluded.visits,"
            " bots = kept.bots + excluded.bots, scans = kept.scans + excluded.scans"
            ") SELECT count(*) FROM moved",
            _utc(before),
            MOST_SLOTS,
        )


def _utc(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
