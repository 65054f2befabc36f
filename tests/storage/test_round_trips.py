"""How often each use case goes to PostgreSQL."""

import threading

import pytest

from app import codes
from app.accounts import Accounts
from app.links import Links
from app.model.errors import DatabaseUnavailable, IdGenerationFailed, UrlNotFound, UsernameExists
from app.passwords import Passwords
from app.storage.cache import LinkCache
from app.storage.database import Database
from app.storage.links import LinkTable
from app.storage.redis import Redis
from app.storage.users import UserTable
from app.tokens import Tokens
from tests.storage.conftest import MakeOwner

HOST = "s.example"


@pytest.fixture
def use_cases(links: LinkTable) -> Links:
    """Make the use cases of links, without Redis."""
    return Links(links, LinkCache(None), own_hosts=frozenset(), local=False)


@pytest.fixture
def accounts(users: UserTable) -> Accounts:
    """Make the use cases of accounts."""
    return Accounts(users, Passwords(2), Tokens("0123456789abcdef0123456789abcdef"))


def shorten(use_cases: Links, url: str = "https://e.com") -> str:
    return use_cases.shorten(url, owner=None, request_host=HOST)[0]


def test_a_create_is_one_round_trip(use_cases: Links, statements: list[str]) -> None:
    shorten(use_cases)

    assert len(statements) == 1


def test_a_create_of_a_known_target_is_one_too(use_cases: Links, statements: list[str]) -> None:
    shorten(use_cases)
    statements.clear()
    shorten(use_cases)

    assert len(statements) == 1


def test_an_owners_create_and_list_are_one_each(
    use_cases: Links, owner: MakeOwner, statements: list[str]
) -> None:
    me = owner()
    use_cases.shorten("https://e.com", owner=me, request_host=HOST)
    use_cases.owned_by(me)

    assert len(statements) == 2


def test_a_link_just_made_resolves_without_any(use_cases: Links, statements: list[str]) -> None:
    code = shorten(use_cases)
    statements.clear()

    assert use_cases.resolve(code).cache_hit
    assert statements == []


def test_a_link_that_no_cache_knows_is_read_once(
    use_cases: Links, links: LinkTable, statements: list[str]
) -> None:
    code = shorten(use_cases)
    another = Links(links, LinkCache(None), own_hosts=frozenset(), local=False)
    statements.clear()

    assert [another.resolve(code).cache_hit for _ in range(3)] == [False, True, True]
    assert len(statements) == 1


def test_a_link_that_redis_knows_resolves_without_any(
    links: LinkTable, redis: Redis, statements: list[str]
) -> None:
    code = shorten(Links(links, LinkCache(redis), own_hosts=frozenset(), local=False))
    statements.clear()

    another = Links(links, LinkCache(redis), own_hosts=frozenset(), local=False)

    assert another.resolve(code).target == "https://e.com"
    assert statements == []


def test_an_unknown_code_is_asked_for_once(
    use_cases: Links, links: LinkTable, redis: Redis, statements: list[str]
) -> None:
    for worker in range(3):
        cached = Links(links, LinkCache(redis), own_hosts=frozenset(), local=bool(worker))
        for _ in range(2):
            with pytest.raises(UrlNotFound):
                cached.resolve("zzzzzz")

    assert len(statements) == 1


def test_a_clash_of_codes_costs_one_more(
    use_cases: Links, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr(codes, "generate", lambda: next(generated))
    shorten(use_cases, "https://first.com")
    statements.clear()

    assert shorten(use_cases, "https://second.com") == "bbbbbb"
    assert len(statements) == 2


def test_after_ten_clashes_a_create_gives_up(
    use_cases: Links, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "generate", lambda: "aaaaaa")
    shorten(use_cases, "https://first.com")
    statements.clear()

    with pytest.raises(IdGenerationFailed):
        shorten(use_cases, "https://second.com")
    assert len(statements) == 10


def test_signup_and_login_are_one_each(accounts: Accounts, statements: list[str]) -> None:
    accounts.sign_up("ada@example.org", "secret1", None)
    accounts.log_in("ada@example.org", "secret1")

    assert len(statements) == 2


def test_a_taken_name_costs_one_more_to_say_which(
    accounts: Accounts, statements: list[str]
) -> None:
    accounts.sign_up("ada@example.org", "secret1", "ada")
    statements.clear()

    with pytest.raises(UsernameExists):
        accounts.sign_up("eve@example.org", "secret1", "ada")
    assert len(statements) == 2


def test_while_postgresql_is_away_nothing_is_asked_and_cached_links_resolve(
    use_cases: Links, store: Database, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = shorten(use_cases)
    away = threading.Event()
    away.set()
    monkeypatch.setattr(store.breaker, "_open", away)
    statements.clear()

    assert use_cases.resolve(code).target == "https://e.com"
    with pytest.raises(DatabaseUnavailable):
        use_cases.resolve("zzzzzz")
    assert statements == []
