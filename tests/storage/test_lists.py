"""A list is bounded by bytes before it leaves the database, and says when it was cut."""

import pytest

from app.model.links import PlainLink
from app.storage.links import LONGEST_TARGET, MOST_BYTES, LinkTable
from tests.harness.servers import Database
from tests.storage.conftest import MakeOwner

KIB = 1024
ROOM = 2 * (64 + 6)
"""What two links cost beside their targets."""


def add(tables: Database, owner: object, targets: dict[str, str]) -> None:
    """Add an owner's links, the first one the newest; a target is an expression in SQL."""
    with tables.connect() as connection:
        for age, (code, target) in enumerate(targets.items()):
            statement = (
                f"INSERT INTO urls (id, original_url, user_id, created_at) VALUES (%s, {target},"
                " %s, '2026-01-01'::timestamp - %s * interval '1 day')"
            )
            connection.execute(statement.encode(), (code, owner, age))


def repeated(count: int, text: str = "x") -> str:
    return f"'https://e.com/' || repeat('{text}', {count - 14})"


def test_a_list_within_its_bytes_is_whole(
    links: LinkTable, owner: MakeOwner, tables: Database
) -> None:
    me = owner()
    add(tables, me, {"aaaaaa": repeated(100), "bbbbbb": repeated(100, "y")})

    found = links.owned_by(me, 10, most_bytes=ROOM + 200)

    assert [(link.code, len(link.target)) for link in found.links] == [
        ("aaaaaa", 100),
        ("bbbbbb", 100),
    ]
    assert not found.truncated


def test_what_is_more_is_cut_at_the_older_end_and_said(
    links: LinkTable, owner: MakeOwner, tables: Database
) -> None:
    me = owner()
    add(tables, me, {"aaaaaa": repeated(100), "bbbbbb": repeated(101), "cccccc": repeated(20)})

    found = links.owned_by(me, 10, most_bytes=ROOM + 200)

    assert [link.code for link in found.links] == ["aaaaaa"]
    assert found.truncated


def test_bytes_count_and_not_characters(
    links: LinkTable, owner: MakeOwner, tables: Database
) -> None:
    me = owner()
    add(tables, me, {"aaaaaa": repeated(100, "日"), "bbbbbb": repeated(20)})

    assert [link.code for link in links.owned_by(me, 10, most_bytes=ROOM + 200).links] == []
    assert [link.code for link in links.owned_by(me, 10, most_bytes=ROOM + 206).links] == ["aaaaaa"]


def test_one_link_too_many_is_cut_and_said(
    links: LinkTable, owner: MakeOwner, tables: Database
) -> None:
    me = owner()
    add(tables, me, {"aaaaaa": "'https://e.com/a'", "bbbbbb": "'https://e.com/b'"})

    assert links.owned_by(me, 1).truncated
    assert [link.code for link in links.owned_by(me, 1).links] == ["aaaaaa"]
    assert not links.owned_by(me, 2).truncated


def test_one_monstrous_target_does_not_hide_the_others(
    links: LinkTable, owner: MakeOwner, tables: Database
) -> None:
    me = owner()
    add(
        tables,
        me,
        {
            "aaaaaa": repeated(LONGEST_TARGET + 1),
            "bbbbbb": "'https://e.com/b'",
            "cccccc": "'https://e.com/c'",
        },
    )

    found = links.owned_by(me, 10)

    assert [link.code for link in found.links] == ["bbbbbb", "cccccc"]
    assert found.truncated


@pytest.mark.parametrize(("length", "known"), [(LONGEST_TARGET, True), (LONGEST_TARGET + 1, False)])
def test_a_target_of_the_go_service_is_read_up_to_a_bound(
    links: LinkTable, tables: Database, length: int, known: bool
) -> None:
    add(tables, None, {"aaaaaa": repeated(length)})

    assert isinstance(links.known("aaaaaa"), PlainLink) == known


def test_what_leaves_the_database_is_bounded(
    links: LinkTable, owner: MakeOwner, tables: Database
) -> None:
    me = owner()
    with tables.connect() as connection:
        connection.execute(
            "INSERT INTO urls (id, original_url, user_id, created_at)"
            " SELECT 'c' || n, 'https://e.com/' || n || repeat('x', 8100), %s, now()"
            " FROM generate_series(1, 1000) AS n",
            (me,),
        )

    found = links.owned_by(me, 10_000)

    read = sum(len(link.target) for link in found.links)
    assert MOST_BYTES - 64 * KIB < read <= MOST_BYTES
    assert found.truncated
