"""What the numbers of visits cost: to read, and to keep."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg

from app.config import Settings
from app.storage.database import Database
from app.storage.statistics import StatisticsTable
from app.visits.statistics import Question, Statistician
from bench.links import owner
from bench.stores import Stores
from bench.table import Row, judged

FEW, MANY = 10_000, 500_000
"""Links with visits."""
DAYS = 30
_VISITS = {"busy00": 10_000_000, "quiet0": 10_000}
"""Of two links within these days; each has every value that a day keeps."""
_USUAL = "L0000031"
"""A link like the others."""
_ROUNDS = 60
_BUDGET = 1.2
_MIB = 1 << 20

_MONTHS = "SELECT visit_partitions((now() AT TIME ZONE 'UTC')::date - 31, 4)"
_LINKS = """
    INSERT INTO urls (id, original_url, user_id)
    SELECT code, 'https://example.com/' || code, %(owner)s
    FROM unnest(%(codes)s::text[]) AS given (code)
"""
# A usual link: visited in some quarters of an hour, from here and there.
_OTHERS = """
    INSERT INTO visit_slots (scope, slot, visits, bots, scans)
    SELECT 'L' || lpad(link::text, 7, '0'),
        date_bin('15 min', now() - make_interval(mins => 60 * 24 * (link %% %(days)s) + 45 * part),
            '2000-01-01'), 3, 1, 0
    FROM generate_series(1, %(links)s) AS link, generate_series(0, 3) AS part
    ON CONFLICT DO NOTHING
"""
_OTHER_VALUES = """
    INSERT INTO visit_values (scope, day, dimension, value, visits)
    SELECT 'L' || lpad(link::text, 7, '0'),
        (now() AT TIME ZONE 'UTC')::date - (link %% %(days)s), dimension, 'value', 3
    FROM generate_series(1, %(links)s) AS link, generate_series(1, 6) AS dimension
"""
_ONE = """
    INSERT INTO visit_slots (scope, slot, visits, bots, scans)
    SELECT %(code)s, slot, %(each)s, 1, 0
    FROM generate_series(date_bin('15 min', now() - make_interval(days => %(days)s), '2000-01-01'),
        now(), '15 min') AS slot
"""
_ONE_VALUES = """
    INSERT INTO visit_values (scope, day, dimension, value, visits)
    SELECT %(code)s, (now() AT TIME ZONE 'UTC')::date - day, dimension, 'value ' || number, 7
    FROM generate_series(0, %(days)s - 1) AS day, generate_series(1, 9) AS dimension,
        generate_series(1, 200) AS number
"""


def measure(made: Stores) -> list[Row]:
    """Return the rows: the statistics of a link, and what a million rows weigh."""
    with ExitStack() as stack:
        asked = {links: _open(made, links, stack) for links in (FEW, MANY)}
        taken = _in_turns(asked)
        with made.postgresql.connect(f"visits_{MANY}") as connection:
            weights = _weights(connection)
    many, few = taken[MANY, _USUAL], taken[FEW, _USUAL]
    rows = [
        judged(
            f"{MANY:,} links with visits against {FEW:,}: a link's statistics",
            f"{many * 1e6:.0f} µs, {few * 1e6:.0f} µs",
            many / few,
            _BUDGET,
            ratio=f"{many / few:.2f}×",
            shown=f"{_BUDGET}×",
        )
    ]
    busy, quiet = taken[MANY, "busy00"], taken[MANY, "quiet0"]
    rows.append(
        judged(
            "Statistics of 30 days: a link of 10,000,000 visits against one of 10,000",
            f"{busy * 1e3:.0f} ms, {quiet * 1e3:.0f} ms",
            busy / quiet,
            _BUDGET,
            ratio=f"{busy / quiet:.2f}×",
            shown=f"{_BUDGET}×",
        )
    )
    return rows + [
        Row(f"A million rows of {name}, indexes included", f"{size * 1e6 / _MIB:.0f} MiB")
        for name, size in weights.items()
    ]


def _fill(connection: psycopg.Connection, links: int) -> None:
    given: dict[str, object] = {"links": links, "days": DAYS, "owner": owner(0)}
    connection.execute("SET synchronous_commit = off")
    connection.execute(_MONTHS.encode())
    connection.execute(
        "INSERT INTO users (id, email, password_hash) VALUES (%(owner)s, 'a@example.com', 'x')",
        given,
    )
    connection.execute(_LINKS.encode(), given | {"codes": [_USUAL, *_VISITS]})
    connection.execute(_OTHERS.encode(), given)
    connection.execute(_OTHER_VALUES.encode(), given)
    for code, visits in _VISITS.items():
        # As many rows as there are quarters of an hour, however many visits each has.
        one = given | {"code": code, "each": visits // (DAYS * 96)}
        connection.execute(_ONE.encode(), one)
        connection.execute(_ONE_VALUES.encode(), one)
    connection.execute("VACUUM (ANALYZE)")


def _open(made: Stores, links: int, stack: ExitStack) -> Statistician:
    name = f"visits_{links}"
    made.create_database(name)
    with made.postgresql.connect(name) as connection:
        _fill(connection, links)
    database = Database(Settings.from_env(made.environment(name)).postgres, concurrent=3)
    database.open()
    stack.callback(database.close)
    return Statistician(StatisticsTable(database))


def _in_turns(asked: dict[int, Statistician]) -> dict[tuple[int, str], float]:
    """Return the seconds of each link's statistics, the best of rounds in which all are asked."""
    best: dict[tuple[int, str], float] = {}
    for _ in range(_ROUNDS):
        for code in (_USUAL, *_VISITS):
            for links, statistician in asked.items():
                seconds = _ask(statistician, code)
                best[links, code] = min(seconds, best.get((links, code), seconds))
    return best


def _ask(statistician: Statistician, code: str) -> float:
    begin = (datetime.now(UTC) - timedelta(days=DAYS - 1)).date().isoformat()
    question = Question(begin=begin, interval="day", zone="America/Sao_Paulo")
    began = time.perf_counter()
    statistics = statistician.of_link(code, owner(0), question)
    seconds = time.perf_counter() - began
    assert statistics.totals.visits
    return seconds


def _weights(connection: psycopg.Connection) -> dict[str, float]:
    """Return the bytes of a row, its part of the indexes included."""
    weights = {}
    for table in ("visit_slots", "visit_values"):
        found = connection.execute(
            f"SELECT sum(pg_total_relation_size(inhrelid)),"  # noqa: S608  # names of ours
            f" (SELECT count(*) FROM {table}) FROM pg_inherits"
            f" WHERE inhparent = '{table}'::regclass".encode()
        ).fetchone()
        assert found is not None
        weights[table] = float(found[0]) / float(found[1])
    return weights
