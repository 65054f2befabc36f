"""Ten thousand links against millions: resolve, create and list, and what a million weighs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from app.config import Settings
from app.model.links import NoLink
from app.storage.database import Database
from app.storage.links import LinkTable
from app.targets import accept
from bench.links import code, fill, owner, progress_bar
from bench.stores import Stores
from bench.table import Row, judged

FEW = 10_000
MANY = 10_000_000
OWNERS_PER = 50
"""Links of a user."""
_ROUNDS = 40
_ASKED = 250
_BUDGET = 1.2
_MIB = 1 << 20


@dataclass(frozen=True)
class _Table:
    """A table of so many links, and how the service gets at it."""

    links: int
    database: Database
    table: LinkTable


def rows(made: Stores, many: int) -> list[Row]:
    """Return the table's rows for `many` links against ten thousand."""
    with ExitStack() as stack:
        few, lots = (_open(made, count, stack) for count in (FEW, many))
        best: dict[tuple[str, int], float] = {}
        for number in range(_ROUNDS + 1):
            for table in (few, lots):
                for piece, seconds in _round(table, number).items():
                    if number:
                        key = piece, table.links
                        best[key] = min(seconds, best.get(key, seconds))
        with made.postgresql.connect(_name(many)) as connection:
            weighed = weights(connection)
    return [
        _row(piece, best[piece, FEW] * 1e6, best[piece, many] * 1e6, many)
        for piece in ("resolve from PostgreSQL", "create", "a user's list")
    ] + [
        Row(f"A million links: {name}", f"{size * 1e6 / _MIB:.0f} MiB")
        for name, size in weighed.items()
    ]


def _name(links: int) -> str:
    return f"links_{links}"


def _row(piece: str, few: float, many: float, links: int) -> Row:
    return judged(
        f"{links:,} links against {FEW:,}: {piece}",
        f"{many:.0f} µs, {few:.0f} µs",
        many / few,
        _BUDGET,
        ratio=f"{many / few:.2f}×",
        shown=f"{_BUDGET}×",
    )


def _open(made: Stores, links: int, stack: ExitStack) -> _Table:
    name = _name(links)
    made.create_database(name)
    began = time.monotonic()
    with made.postgresql.connect(name) as connection:
        fill(connection, links, owners=links // OWNERS_PER, progress=progress_bar)
    print(f"  {links:,} links in {time.monotonic() - began:.0f} s", file=sys.stderr)
    settings = Settings.from_env(made.environment(name))
    database = Database(settings.postgres, concurrent=3)
    database.open()
    stack.callback(database.close)
    return _Table(links, database, LinkTable(database))


def _round(table: _Table, number: int) -> dict[str, float]:
    """Return the seconds of wall-clock time of each: the work is PostgreSQL's, not ours."""
    step = 7_919  # all over the table, never twice the same link
    first = number * _ASKED
    places = [(first + place) * step % table.links for place in range(_ASKED)]

    def resolve(place: int) -> None:
        assert table.table.known(code(places[place])) != NoLink()

    def create(place: int) -> None:
        url = f"https://example.org/{number}/{place}"
        target = accept(url, own_hosts=frozenset(), local=False)
        assert table.table.insert(f"x{first + place:05d}", target, owner(place % 200))

    def listed(place: int) -> None:
        whose = owner(places[place] // OWNERS_PER)
        assert table.table.owned_by(whose, 10_000) is not None

    # Twice, the second time counts: pages that are in memory, as those of links in use are. What a
    # page costs that is not, is the disk's and in docs/scaling.md. One piece after the other: pages
    # that another one has just read are in the way of no processor's caches then.
    return {
        "resolve from PostgreSQL": _second_time(resolve),
        "create": _timed(create),
        "a user's list": _second_time(listed),
    }


def _second_time(ask: Callable[[int], None]) -> float:
    _timed(ask)
    return _timed(ask)


def _timed(ask: Callable[[int], None]) -> float:
    taken = []
    for place in range(_ASKED):
        began = time.perf_counter()
        ask(place)
        taken.append(time.perf_counter() - began)
    # The median: a checkpoint or a neighbour in the middle of it says nothing of the table.
    return sorted(taken)[len(taken) // 2]


def weights(connection: psycopg.Connection) -> dict[str, float]:
    """Return the bytes a link takes in the table and in each of its indexes."""
    found = connection.execute(
        "SELECT relname, pg_relation_size(oid) FROM pg_class"
        " WHERE oid = 'urls'::regclass OR oid IN"
        " (SELECT indexrelid FROM pg_index WHERE indrelid = 'urls'::regclass) ORDER BY 1"
    ).fetchall()
    row = connection.execute("SELECT count(*) FROM urls").fetchone()
    assert row is not None
    return {name: size / row[0] for name, size in found}
