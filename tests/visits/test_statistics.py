"""What the owner reads of the visits: of a link, of all, of those with a tag."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from app.model.errors import InvalidQuery, UrlNotFound
from app.model.visits import SLOT, Counted, Dimension, Tally
from app.storage.database import Database
from app.storage.statistics import TOP, StatisticsTable
from app.storage.visits import VisitTable
from app.visits.statistics import Question, Statistician
from tests.harness.servers import Database as MadeDatabase
from tests.visits.test_writing import owned, rows, write

__all__ = ["owned"]

CODE = "aB3xY9"


@pytest.fixture
def statistician(store: Database, table: VisitTable) -> Statistician:
    return Statistician(StatisticsTable(store), settling=0.0)


def visited(
    moment: datetime,
    visits: int = 1,
    code: str = CODE,
    browsers: Mapping[str, int] | None = None,
) -> Counted:
    """Return visits of a link in the quarter of an hour that a moment is in."""
    values = {
        (code, moment.astimezone(UTC).date(), int(Dimension.BROWSER), name): count
        for name, count in (browsers or {}).items()
    }
    slot = int(moment.timestamp()) // SLOT
    return Counted({(code, slot): Tally(visits, 1, 0)}, values)


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Kathmandu", "Europe/Lisbon", "UTC"])
def test_the_days_of_any_caller_add_up_to_the_total(
    table: VisitTable,
    statistician: Statistician,
    owned: str,
    module_database: MadeDatabase,
    zone: str,
) -> None:
    # Over the end of summer time in Lisbon, which makes one day of 25 hours.
    begin = datetime(2026, 10, 24, tzinfo=UTC)
    rows(module_database, "SELECT visit_partitions('2026-10-01', 1)")
    first = int(begin.timestamp()) // SLOT
    slots = {(CODE, first + quarter): Tally(visits=1) for quarter in range(4 * 24 * 3)}
    write(table, Counted(slots))

    def read(interval: str) -> list[int]:
        question = Question("2026-10-20", "2026-10-30", interval, zone)
        found = statistician.of_link(CODE, uuid.UUID(owned), question)
        assert found.totals.visits == sum(step.tally.visits for step in found.series)
        return [step.tally.visits for step in found.series if step.tally.visits]

    assert {sum(read(interval)) for interval in ("hour", "day", "week", "month")} == {288}
    by_day = {
        "UTC": [96, 96, 96],
        "Europe/Lisbon": [92, 100, 96],  # from 01:00; the long day has 100 quarters
        "America/Sao_Paulo": [12, 96, 96, 84],
        "Asia/Kathmandu": [73, 96, 96, 23],
    }
    assert sum(by_day[zone]) == 288
    assert read("day") == by_day[zone]


def test_somebody_elses_link_is_not_there(
    table: VisitTable, statistician: Statistician, owned: str
) -> None:
    write(table, visited(datetime.now(UTC)))

    with pytest.raises(UrlNotFound):
        statistician.of_link(CODE, uuid.uuid4(), Question())
    with pytest.raises(UrlNotFound):
        statistician.forget(CODE, uuid.uuid4())


def test_a_question_that_makes_no_sense_says_why(statistician: Statistician, owned: str) -> None:
    with pytest.raises(InvalidQuery, match="tz is not"):
        statistician.of_link(CODE, uuid.UUID(owned), Question(zone="Mars"))


def test_the_most_frequent_values_and_the_rest(
    table: VisitTable, statistician: Statistician, owned: str
) -> None:
    browsers = {f"b{number:02}": number + 1 for number in range(TOP + 5)}
    write(table, visited(datetime.now(UTC), sum(browsers.values()), browsers=browsers))

    found = statistician.of_link(CODE, uuid.UUID(owned), Question())

    values = found.breakdowns[Dimension.BROWSER]
    assert values[0] == (f"b{TOP + 4:02}", TOP + 5)
    assert values[-1] == ("other", 1 + 2 + 3 + 4 + 5)
    assert len(values) == TOP + 1
    assert sum(visits for _, visits in values) == found.totals.visits


def test_an_account_sees_all_of_its_links_and_a_tag_its_own(
    table: VisitTable, statistician: Statistician, owned: str, module_database: MadeDatabase
) -> None:
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO urls (id, original_url, user_id) VALUES ('zzzzzz', 'https://b.c', %s)",
            (owned,),
        )
        connection.execute("TRUNCATE tags, link_tags")
        connection.execute(
            "INSERT INTO tags (user_id, key, name) VALUES (%s, 'news', 'News')", (owned,)
        )
        connection.execute("INSERT INTO link_tags SELECT id, 'zzzzzz' FROM tags")
    write(table, visited(datetime.now(UTC), 3))
    write(table, visited(datetime.now(UTC), 4, "zzzzzz"))
    owner = uuid.UUID(owned)

    assert statistician.of_all(owner, None, Question()).totals.visits == 7
    assert statistician.of_all(owner, "NEWS", Question()).totals.visits == 4
    assert statistician.of_all(owner, "nothing", Question()).totals.visits == 0


def test_a_link_that_begins_anew_takes_its_numbers_from_its_owners(
    table: VisitTable, statistician: Statistician, owned: str, module_database: MadeDatabase
) -> None:
    write(table, visited(datetime.now(UTC), 3, browsers={"Firefox": 3}))
    owner = uuid.UUID(owned)

    statistician.forget(CODE, owner)

    assert statistician.of_link(CODE, owner, Question()).totals == Tally()
    assert statistician.of_all(owner, None, Question()).totals == Tally()
    assert rows(module_database, "SELECT visits, last_visit_at FROM link_counts") == [(0, None)]
    # For a limit of visits that may be set later.
    assert rows(module_database, f"SELECT used_visits FROM urls WHERE id = '{CODE}'") == [(3,)]
    write(table, visited(datetime.now(UTC), 2))
    assert statistician.of_link(CODE, owner, Question()).totals.visits == 2
