"""Values that Python's types cannot hold do not take the others of their answer with them."""

from datetime import UTC, date, datetime

import pytest

from app.storage.database import Database
from app.storage.statements import Statement

LATEST = datetime.max.replace(tzinfo=UTC)
EARLIEST = datetime.min.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("infinity", LATEST),
        ("-infinity", EARLIEST),
        ("0044-03-15 BC", EARLIEST),
        ("4713-01-01 BC", EARLIEST),
        ("10000-01-01", LATEST),
        ("294276-12-31", LATEST),
        ("0001-01-01", EARLIEST),
        ("9999-12-31 23:59:59.999999", LATEST),
        ("1969-07-20 20:17:40.5", datetime(1969, 7, 20, 20, 17, 40, 500_000, UTC)),
        ("1999-12-31 23:59:59.999999", datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC)),
    ],
)
def test_moments(store: Database, text: str, expected: datetime) -> None:
    statement = Statement(
        f"SELECT '{text}'::timestamp, '{text}'::timestamp AT TIME ZONE 'UTC', '{text}'::date, 'x'"
    )

    (row,) = store.rows(statement, {}, repeatable=True)

    assert row == (expected.replace(tzinfo=None), expected, expected.date(), "x")


def test_none_stays_none(store: Database) -> None:
    assert store.rows(Statement("SELECT NULL::timestamptz, NULL::date"), {}, repeatable=True) == [
        (None, None)
    ]


def test_the_order_of_the_database_is_kept(store: Database) -> None:
    statement = Statement(
        "SELECT d FROM"
        " unnest(ARRAY['infinity', '2026-11-27', '0001-01-01 BC', '-infinity']::date[]) AS d"
        " ORDER BY d"
    )

    days = [row[0] for row in store.rows(statement, {}, repeatable=True)]

    assert days == sorted(days)
    assert days == [date.min, date.min, date(2026, 11, 27), date.max]
