"""The table of links: one code for each owner and target, whatever races."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app import codes
from app.model.errors import InvalidToken
from app.model.links import LinkList, NoLink, PlainLink
from app.storage.links import LinkTable
from app.targets import Target, accept
from tests.harness.servers import Database
from tests.storage.conftest import MakeOwner, open_store


def target(url: str = "https://e.com/x") -> Target:
    return accept(url, own_hosts=frozenset(), local=False)


def rows(tables: Database) -> int:
    with tables.connect() as connection:
        row = connection.execute("SELECT count(*) FROM urls").fetchone()
    assert row is not None
    return int(row[0])


def test_a_new_target_gets_the_code(links: LinkTable) -> None:
    assert links.insert("aaaaaa", target(), None) == ("aaaaaa", True)
    assert links.known("aaaaaa") == PlainLink("https://e.com/x")


def test_a_known_target_gets_the_code_it_has(links: LinkTable, tables: Database) -> None:
    links.insert("aaaaaa", target(), None)

    assert links.insert("bbbbbb", target(), None) == ("aaaaaa", False)
    assert rows(tables) == 1


def test_another_spelling_gets_the_code_of_the_first_and_changes_nothing(links: LinkTable) -> None:
    links.insert("aaaaaa", target("https://E.com/x"), None)

    assert links.insert("bbbbbb", target("HTTPS://e.COM/x"), None) == ("aaaaaa", False)
    assert links.known("aaaaaa") == PlainLink("https://E.com/x")


def test_a_taken_code_overwrites_nothing(links: LinkTable) -> None:
    links.insert("aaaaaa", target("https://first.com"), None)

    assert links.insert("aaaaaa", target("https://second.com"), None) is None
    assert links.known("aaaaaa") == PlainLink("https://first.com")


def test_a_known_target_is_found_also_when_the_code_is_taken(links: LinkTable) -> None:
    links.insert("aaaaaa", target("https://first.com"), None)
    links.insert("bbbbbb", target("https://second.com"), None)

    assert links.insert("aaaaaa", target("https://second.com"), None) == ("bbbbbb", False)


def test_codes_that_differ_in_case_are_two(links: LinkTable) -> None:
    links.insert("aaaaaa", target("https://first.com"), None)

    assert links.insert("AAAAAA", target("https://second.com"), None) == ("AAAAAA", True)


def test_every_owner_has_a_link_of_their_own(links: LinkTable, owner: MakeOwner) -> None:
    first, second = owner(), owner()

    assert links.insert("aaaaaa", target(), None) == ("aaaaaa", True)
    assert links.insert("bbbbbb", target(), first) == ("bbbbbb", True)
    assert links.insert("cccccc", target(), second) == ("cccccc", True)
    assert links.insert("dddddd", target(), second) == ("cccccc", False)
    assert links.insert("dddddd", target(), None) == ("aaaaaa", False)


def test_an_owner_who_never_was_is_refused(links: LinkTable, tables: Database) -> None:
    with pytest.raises(InvalidToken):
        links.insert("aaaaaa", target(), uuid.uuid4())
    assert rows(tables) == 0


def test_an_owner_who_left_is_refused(links: LinkTable, owner: MakeOwner, tables: Database) -> None:
    with pytest.raises(InvalidToken):
        links.insert("aaaaaa", target(), owner(deleted=True))
    assert rows(tables) == 0


def test_an_owner_who_left_is_not_given_the_code_they_had(
    links: LinkTable, owner: MakeOwner, tables: Database
) -> None:
    gone = owner()
    links.insert("aaaaaa", target(), gone)
    with tables.connect() as connection:
        connection.execute("UPDATE users SET deleted_at = now()")

    with pytest.raises(InvalidToken):
        links.insert("bbbbbb", target(), gone)
    assert links.known("aaaaaa") == PlainLink("https://e.com/x")


@pytest.mark.parametrize("path", ["x" * 8_178, "ж" * 2_387], ids=["characters", "bytes sent"])
def test_the_longest_target_is_stored_and_found_again(links: LinkTable, path: str) -> None:
    longest = target(f"https://e.com/{path}")

    assert links.insert("aaaaaa", longest, None) == ("aaaaaa", True)
    assert links.insert("bbbbbb", longest, None) == ("aaaaaa", False)
    assert links.known("aaaaaa") == PlainLink(longest.url)


@pytest.mark.parametrize("code", ["zzzzzz", "'; --", "é", "x" * 10_000])
def test_an_unknown_code_has_no_target(links: LinkTable, code: str) -> None:
    assert links.known(code) == NoLink()


def test_links_are_listed_newest_first_and_undated_ones_last(
    links: LinkTable, owner: MakeOwner, tables: Database
) -> None:
    me = owner()
    for number, code in enumerate(["old", "new", "none"]):
        links.insert(code, target(f"https://e.com/{number}"), me)
    with tables.connect() as connection:
        connection.execute("UPDATE urls SET created_at = '2020-01-01' WHERE id = 'old'")
        connection.execute("UPDATE urls SET created_at = NULL WHERE id = 'none'")

    assert [link.code for link in links.owned_by(me, 10).links] == ["new", "old", "none"]
    assert [link.code for link in links.owned_by(me, 2).links] == ["new", "old"]


def test_only_ones_own_links_are_listed(links: LinkTable, owner: MakeOwner) -> None:
    me, other = owner(), owner()
    links.insert("aaaaaa", target(), me)
    links.insert("bbbbbb", target(), other)
    links.insert("cccccc", target(), None)

    assert [(link.code, link.target) for link in links.owned_by(me, 10).links] == [
        ("aaaaaa", "https://e.com/x")
    ]


def test_without_links_the_list_is_empty(links: LinkTable, owner: MakeOwner) -> None:
    assert links.owned_by(owner(), 10) == LinkList((), truncated=False)


@pytest.mark.parametrize("known", [False, True])
def test_who_is_gone_lists_nothing(links: LinkTable, owner: MakeOwner, known: bool) -> None:
    with pytest.raises(InvalidToken):
        links.owned_by(owner(deleted=True) if known else uuid.uuid4(), 10)


def test_the_time_of_creation_is_in_utc_whatever_the_sessions_zone(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(f"ALTER DATABASE {database.name} SET timezone = 'Asia/Tokyo'".encode())
    store = open_store(database)
    LinkTable(store).insert("aaaaaa", target(), None)
    store.close()

    with database.connect() as connection:
        row = connection.execute(
            "SELECT current_setting('timezone'), timezone('utc', now()) - created_at FROM urls"
        ).fetchone()

    assert row is not None
    assert row[0] == "Asia/Tokyo"
    assert timedelta(0) <= row[1] < timedelta(minutes=1)


@pytest.mark.parametrize("owned", [False, True])
def test_racing_inserts_of_one_target_make_one_link(
    links: LinkTable, owner: MakeOwner, tables: Database, owned: bool
) -> None:
    me = owner() if owned else None
    together = threading.Barrier(4)

    def insert() -> tuple[str, bool]:
        together.wait(30)
        while (found := links.insert(codes.generate(), target(), me)) is None:
            pass
        return found

    for _ in range(10):
        with ThreadPoolExecutor(4) as pool:
            answers = [task.result(30) for task in [pool.submit(insert) for _ in range(4)]]
        assert len({code for code, _ in answers}) == 1
        assert sum(new for _, new in answers) == 1
        with tables.connect() as connection:
            assert rows(tables) == 1
            connection.execute("TRUNCATE urls")
