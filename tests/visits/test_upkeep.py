"""What is small or old is folded, and the numbers stay the same."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from app.config import postgres_from_env
from app.model.visits import SLOT, Counted, Tally
from app.storage import owner_sketches
from app.storage.database import Database as Store
from app.storage.statistics import StatisticsTable
from app.storage.visit_upkeep import look_after
from app.storage.visits import VisitTable
from app.visit_policy import VisitPolicy
from tests.harness.servers import Database
from tests.visits.test_writing import owned, rows, write

__all__ = ["owned"]

POLICY = VisitPolicy()
TODAY = datetime.now(UTC).date()
NOON = datetime.combine(TODAY, datetime.min.time(), UTC) + timedelta(hours=12)
"""Also what the upkeep is told: midnight may come while tests run."""
ABOUT_100 = pytest.approx(100, abs=2)


def seen_by(first: int, last: int, code: str = "aB3xY9") -> Counted:
    """Return one visit of a link, by so many visitors."""
    known = {
        int.from_bytes(hashlib.blake2b(str(number).encode(), digest_size=8).digest(), "big")
        for number in range(first, last)
    }
    slots = {(code, int(NOON.timestamp()) // SLOT): Tally(visits=1)}
    return Counted(slots, {}, {(code, TODAY): known}, {code: NOON}, hashes=len(known))


def test_visitors_are_told_apart_within_three_percent_at_100_000(
    table: VisitTable, module_database: Database, owned: str
) -> None:
    settings = postgres_from_env({"ENV": "local", **module_database.environment})
    for begin in range(0, 100_000, 20_000):
        write(table, seen_by(begin, begin + 25_000))  # a fifth of them came before
        look_after(settings, POLICY, NOON)

    counts = dict(rows(module_database, "SELECT scope, visitors FROM visitor_sketches"))
    assert set(counts) == {"aB3xY9", owned}
    for count in counts.values():
        assert count == pytest.approx(105_000, rel=0.03)
    assert rows(module_database, "SELECT visitors FROM link_counts") == [(counts["aB3xY9"],)]
    assert rows(module_database, "SELECT count(*) FROM visitor_hashes") == [(0,)]


def test_a_link_that_begins_anew_takes_its_visitors_from_its_owners(
    table: VisitTable, store: Store, module_database: Database, owned: str
) -> None:
    settings = postgres_from_env({"ENV": "local", **module_database.environment})
    statistics, owner = StatisticsTable(store), uuid.UUID(owned)
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO urls (id, original_url, user_id) VALUES ('zzzzzz', 'https://b.c', %s)",
            (owned,),
        )
    write(table, seen_by(0, 100))
    write(table, seen_by(50, 80, "zzzzzz"))
    look_after(settings, POLICY, NOON)

    def visitors() -> dict[str, int]:
        return dict(rows(module_database, "SELECT scope, visitors FROM visitor_sketches"))

    assert visitors() == {"aB3xY9": ABOUT_100, "zzzzzz": 30, owned: ABOUT_100}
    statistics.forget("aB3xY9", owner)
    statistics.forget("aB3xY9", owner)
    write(table, seen_by(200, 205))
    look_after(settings, POLICY, NOON)
    assert visitors() == {"aB3xY9": 5, "zzzzzz": 30, owned: 35}

    for code in ("aB3xY9", "zzzzzz"):
        statistics.forget(code, owner)
    look_after(settings, POLICY, NOON)
    assert visitors() == {}
    assert rows(module_database, "SELECT count(*) FROM visitor_hashes") == [(0,)]


def test_the_sketches_of_many_links_and_days_are_merged_again(
    table: VisitTable,
    module_database: Database,
    owned: str,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner_sketches, "_LINKS_A_PAGE", 3)
    monkeypatch.setattr(owner_sketches, "MOST_DAYS", 1)
    settings = postgres_from_env({"ENV": "local", **module_database.environment})
    codes = ["aB3xY9", *(f"link{number:02}" for number in range(10))]
    with module_database.connect() as connection:
        for code in codes[1:]:
            connection.execute(
                "INSERT INTO urls (id, original_url, user_id) VALUES (%s, 'https://b.c', %s)",
                (code, owned),
            )
    for number, code in enumerate(codes):
        write(table, seen_by(number * 10, number * 10 + 10, code))
    look_after(settings, POLICY, NOON)
    with module_database.connect() as connection:
        connection.execute("SELECT visit_partitions(%s, 2)", (TODAY - timedelta(days=1),))
        connection.execute(
            "INSERT INTO visitor_sketches SELECT scope, day - 1, visitors, sketch"
            " FROM visitor_sketches"
        )

    StatisticsTable(store).forget("aB3xY9", uuid.UUID(owned))
    done = look_after(settings, POLICY, NOON)

    assert done.sketches == 2
    of_owner = "SELECT visitors FROM visitor_sketches WHERE scope NOT LIKE 'link%'"
    assert rows(module_database, of_owner) == [(ABOUT_100,), (ABOUT_100,)]


def test_the_links_of_an_owner_are_read_by_an_index(
    table: VisitTable, module_database: Database, owned: str
) -> None:
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO link_counts (code, user_id, visits, last_visit_at)"
            " SELECT 'c' || number, %s, 1, now() - number * interval '1 minute'"
            " FROM generate_series(1, 20000) AS number",
            (owned,),
        )
        connection.execute(
            "INSERT INTO visitor_sketches"
            " SELECT 'c' || number, %s, 1, decode(repeat('ab', 1000), 'hex')"
            " FROM generate_series(1, 20000) AS number",
            (TODAY,),
        )
        connection.execute("ANALYZE link_counts, visitor_sketches")
        with psycopg.RawCursor(connection) as cursor:
            asked = (owned, NOON - timedelta(days=1), "", 500, [TODAY])
            cursor.execute(b"EXPLAIN " + owner_sketches._PAGE, asked)
            plan = "\n".join(line for (line,) in cursor)

    assert "link_counts_last_visit_idx" in plan
    assert "Seq Scan on link_counts" not in plan
    assert f"Seq Scan on visitor_sketches_{TODAY:%Y_%m}" not in plan


def test_old_hours_become_days_of_the_same_sum(
    table: VisitTable, module_database: Database, owned: str
) -> None:
    settings = postgres_from_env({"ENV": "local", **module_database.environment})
    old = NOON - timedelta(days=40)
    with module_database.connect() as connection:
        connection.execute("SELECT visit_partitions(%s, 2)", (old.date(),))
    for hour in range(6):
        slot = int((old + timedelta(hours=hour)).timestamp()) // SLOT
        write(table, Counted({("aB3xY9", slot): Tally(visits=2, bots=1, scans=1)}))
    write(table, seen_by(0, 1))

    done = look_after(settings, VisitPolicy(hours_kept=10))

    assert done.slots == 12
    days = rows(module_database, "SELECT scope, day, visits, bots, scans FROM visit_days")
    assert sorted(days) == sorted((scope, old.date(), 12, 6, 6) for scope in ("aB3xY9", owned))
    assert rows(module_database, "SELECT sum(visits) FROM visit_slots") == [(2,)]
    assert look_after(settings, VisitPolicy(hours_kept=10)).slots == 0


def test_months_are_made_before_they_begin_and_dropped_when_they_are_too_old(
    table: VisitTable, module_database: Database
) -> None:
    settings = postgres_from_env({"ENV": "local", **module_database.environment})
    later = datetime.now(UTC) + timedelta(days=70)

    made = look_after(settings, POLICY, later)
    dropped = look_after(settings, VisitPolicy(hours_kept=2, days_kept=32), later)

    assert made.months_made > 0
    assert dropped.months_dropped > 0
    (kept,) = rows(
        module_database,
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'visit_values'::regclass",
    )
    assert kept[0] >= 3
    look_after(settings, POLICY, NOON)


def test_salts_are_gone_after_two_days(table: VisitTable, module_database: Database) -> None:
    settings = postgres_from_env({"ENV": "local", **module_database.environment})
    table.salts(TODAY - timedelta(days=2))
    table.salts(TODAY)

    look_after(settings, POLICY, NOON)

    days = {day for (day,) in rows(module_database, "SELECT day FROM visitor_salts")}
    assert days == {TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1)}


def test_an_unknown_batch_is_forgotten_after_a_day(
    table: VisitTable, module_database: Database
) -> None:
    settings = postgres_from_env({"ENV": "local", **module_database.environment})
    write(table, seen_by(0, 1), uuid.uuid4())
    with module_database.connect() as connection:
        connection.execute("UPDATE visit_batches SET written_at = now() - interval '25 hours'")

    look_after(settings, POLICY, NOON)

    assert rows(module_database, "SELECT count(*) FROM visit_batches") == [(0,)]
