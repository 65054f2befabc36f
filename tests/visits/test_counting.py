"""What is counted of a visit, by whom, and that nothing of it identifies anybody."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from app.model.errors import DatabaseUnavailable
from app.model.visits import FOLDED, OTHER, Counted
from app.storage.visits import VisitTable
from app.visits import Visits, VisitSettings, classifier, counter
from tests.harness.servers import Database
from tests.harness.sinks import eventually
from tests.visits.test_writing import rows

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def request(agent: str = FIREFOX, query: str = "", **headers: str) -> dict[str, str]:
    """Return a WSGI environment, as far as it is looked at."""
    return {
        "REQUEST_METHOD": "GET",
        "REMOTE_ADDR": "203.0.113.9",
        "QUERY_STRING": query,
        "HTTP_USER_AGENT": agent,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }


@pytest.fixture
def visits(table: VisitTable) -> Iterator[Visits]:
    """Count as the service does, with its own page not being a referrer."""
    visits = Visits(table, VisitSettings(own_hosts=frozenset({"fonsecaaso.com"})))
    visits.start()
    yield visits
    visits.stop()


def kept(database: Database, statement: str, total: int) -> list[tuple[Any, ...]]:
    """Return rows, once so many visits and bots are written."""
    sum_of = "SELECT coalesce(sum(visits + bots), 0) FROM visit_slots"
    eventually(lambda: rows(database, sum_of) == [(total,)])
    return rows(database, statement)


def test_people_bots_and_scans_are_counted_apart(visits: Visits, module_database: Database) -> None:
    for _ in range(3):
        visits.record("aB3xY9", request())
    visits.record("aB3xY9", request(query="qr"))
    visits.record("aB3xY9", request(GOOGLEBOT))
    visits.record("aB3xY9", request(""))

    found = kept(module_database, "SELECT sum(visits), sum(bots), sum(scans) FROM visit_slots", 6)

    assert found == [(4, 2, 1)]
    assert rows(module_database, "SELECT visits, bots FROM link_counts") == [(4, 2)]


@pytest.mark.parametrize(
    "header", [{"sec_purpose": "prefetch;prerender"}, {"purpose": "preview"}, {"x_moz": "prefetch"}]
)
def test_a_browser_that_only_looks_ahead_is_no_visit(
    visits: Visits, module_database: Database, header: dict[str, str]
) -> None:
    visits.record("aB3xY9", request(**header))
    visits.record("aB3xY9", request())

    assert kept(module_database, "SELECT sum(visits) FROM visit_slots", 1) == [(1,)]


def test_what_is_kept_of_a_visit(visits: Visits, module_database: Database) -> None:
    visits.record(
        "aB3xY9",
        request(
            IPHONE,
            "utm_source=news&utm_medium=e-mail&utm_campaign=%3Cb%3E%00sale&secret=s3cr3t",
            referer="https://www.Example.org/private/page?token=s3cr3t",
            accept_language="de;q=0.5, pt-BR",
        ),
    )
    visits.record("aB3xY9", request(referer="https://fonsecaaso.com/aB3xY9"))

    found = kept(module_database, "SELECT dimension, value FROM visit_values", 2)

    assert sorted(found) == [
        (1, "example.org"),
        (2, "Firefox"),
        (2, "Mobile Safari"),
        (3, "Linux"),
        (3, "iOS"),
        (4, "desktop"),
        (4, "ios"),
        (6, "pt"),
        (7, "news"),
        (8, "e-mail"),
        (9, "<b>sale"),
    ]


CLICK = "fbclid=" + "IwAR0" * 45
ACCENTS = "%C3%A7" * 64
"""As many characters as are kept, each of which needs six to be sent."""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"{CLICK}&utm_source=a&utm_medium=b&utm_campaign=c", ["a", "b", "c"]),
        (f"utm_source=a&{CLICK}&{CLICK}&utm_medium=b&utm_campaign=c&qr", ["a", "b", "c"]),
        (f"{'x=1&' * 90}utm_campaign=lancamento_primavera_2026_sao_paulo", [
            "lancamento_primavera_2026_sao_paulo"
        ]),
        (f"{CLICK}&utm_source={ACCENTS}", ["\xe7" * 64]),
        (f"{CLICK}&utm_source={ACCENTS}a&utm_medium={'b' * 65}", [OTHER, OTHER]),
        (f"utm_source={'%41' * 2000}", [OTHER]),
        ("utm_source=a&utm_source=b&utm_medium=&utm_campaign", ["b"]),
        (f"xutm_source=a&utm_sources=b&{CLICK}", []),
    ],
)  # fmt: skip
def test_campaigns_are_read_of_the_whole_query(
    visits: Visits, module_database: Database, query: str, expected: list[str]
) -> None:
    visits.record("aB3xY9", request(query=query))

    found = kept(module_database, "SELECT value FROM visit_values WHERE dimension > 6", 1)

    assert sorted(value for (value,) in found) == expected


@pytest.mark.parametrize(
    ("query", "scans"),
    [(f"{CLICK}&qr", 1), ("qr=1", 1), (f"qr&{CLICK}", 1), (f"{CLICK}qr&aqr=qr&qrs", 0)],
)
def test_a_scan_is_told_by_a_parameter(
    visits: Visits, module_database: Database, query: str, scans: int
) -> None:
    visits.record("aB3xY9", request(query=query))

    assert kept(module_database, "SELECT scans FROM visit_slots", 1) == [(scans,)]


def test_no_host_and_no_language_is_cut(visits: Visits, module_database: Database) -> None:
    host = ".".join(["a" * 49] * 5)
    # What is looked at ends behind "fi".
    languages = ",".join(["xx-0000;q=0.2"] * 18).ljust(253, "0") + ",fil;q=0.1"
    headers = {"referer": f"https://{host}/", "accept_language": languages}
    visits.record("aB3xY9", request(**headers))
    visits.record("aB3xY9", request(referer=f"https://{host}.{host}/"))

    found = kept(module_database, "SELECT value FROM visit_values WHERE dimension IN (1, 6)", 2)

    assert sorted(found) == [(host,), ("xx",)]


def test_nothing_that_identifies_anybody_is_in_any_table(
    visits: Visits, module_database: Database
) -> None:
    visits.record("aB3xY9", request(IPHONE, referer="https://example.org/private?token=s3cr3t"))
    kept(module_database, "SELECT 1", 1)

    with module_database.connect() as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE relkind IN ('r', 'p') AND nspname = 'public'"
        ).fetchall()
        content = "".join(
            str(connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall())
            for (name,) in names
        )

    for secret in ("203.0.113.9", "iPhone OS", "private", "s3cr3t"):
        assert secret not in content


@pytest.mark.parametrize("header", [{"dnt": "1"}, {"sec_gpc": "1"}])
def test_who_wants_no_tracking_is_counted_and_not_told_apart(
    visits: Visits, module_database: Database, header: dict[str, str]
) -> None:
    visits.record("aB3xY9", request(**header))

    assert kept(module_database, "SELECT count(*) FROM visitor_hashes", 1) == [(0,)]


def test_tracking_can_be_switched_off(table: VisitTable, module_database: Database) -> None:
    visits = Visits(table, VisitSettings(track_visitors=False))
    visits.start()
    visits.record("aB3xY9", request())

    assert kept(module_database, "SELECT count(*) FROM visitor_hashes", 1) == [(0,)]
    visits.stop()


def test_stopping_writes_what_is_counted(table: VisitTable, module_database: Database) -> None:
    visits = Visits(table, VisitSettings())
    visits.start()
    for _ in range(50):
        visits.record("aB3xY9", request())
    visits.stop()

    assert rows(module_database, "SELECT visits FROM link_counts") == [(50,)]
    assert visits.statistics() == {"waiting": 0, "age": 0.0}


class Away(VisitTable):
    """PostgreSQL as it is while it is away, and when an answer is lost on the way."""

    def __init__(self, table: VisitTable) -> None:
        self.table = table
        self.away = True
        self.answers_lost = 0

    def write(self, batch: uuid.UUID, counted: Counted) -> bool:
        if self.away:
            raise DatabaseUnavailable("away")
        written = self.table.write(batch, counted)
        if self.answers_lost and written:
            self.answers_lost -= 1
            raise DatabaseUnavailable("away")
        return written

    def salts(self, today: Any) -> dict[Any, bytes]:
        return self.table.salts(today)


def test_while_postgresql_is_away_visits_wait_and_are_written_afterwards(
    table: VisitTable, module_database: Database
) -> None:
    away = Away(table)
    visits = Visits(away, VisitSettings())
    visits.start()
    for _ in range(10):
        visits.record("aB3xY9", request())
    eventually(lambda: visits.statistics()["age"] > 0.5)
    assert visits.statistics()["waiting"] == 10
    for _ in range(5):
        visits.record("aB3xY9", request())
    away.away = False

    assert kept(module_database, "SELECT visits FROM link_counts", 15) == [(15,)]
    eventually(lambda: visits.statistics() == {"waiting": 0, "age": 0.0})
    visits.stop()


def test_a_batch_whose_answer_was_lost_is_not_counted_twice(
    table: VisitTable, module_database: Database
) -> None:
    away = Away(table)
    away.away, away.answers_lost = False, 2
    visits = Visits(away, VisitSettings())
    visits.start()
    visits.record("aB3xY9", request())
    eventually(lambda: away.answers_lost == 0 and not visits.statistics()["waiting"])
    visits.stop()

    assert rows(module_database, "SELECT visits FROM link_counts") == [(1,)]


def test_what_cannot_be_written_is_said(
    table: VisitTable, caplog: pytest.LogCaptureFixture
) -> None:
    visits = Visits(Away(table), VisitSettings())
    visits.start()
    for _ in range(7):
        visits.record("aB3xY9", request())
    visits.stop(0.3)

    (said,) = [record for record in caplog.records if "were lost" in record.message]
    assert vars(said)["visits"] == 7


def test_more_different_visits_than_there_is_room_for_are_all_counted(
    table: VisitTable, module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counter, "MOST_SEEN", 20)
    monkeypatch.setattr(classifier, "MOST_SLOTS", 30)
    monkeypatch.setattr(classifier, "MOST_VALUES", 40)
    visits = Visits(table, VisitSettings())
    for number in range(100):
        visits.record(f"L{number:05}", request(referer=f"https://{number}.example.org"))
    visits.start()
    visits.stop()

    assert rows(module_database, "SELECT sum(visits) FROM visit_slots") == [(100,)]
    slots = dict(rows(module_database, "SELECT scope, visits FROM visit_slots"))
    assert len(slots) <= 31
    assert slots[FOLDED] >= 60
    values = rows(module_database, "SELECT value, visits FROM visit_values WHERE scope = ''")
    assert {value for value, _ in values} == {OTHER}
