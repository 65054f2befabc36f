"""What is believed of tokens and keys, and for how long: it lets in, and refuses nobody."""

import uuid

import pytest

from app import access as access_module
from app import secret_keys
from app.access import BELIEVED, Access
from app.model.errors import InvalidToken
from app.storage.access import Grant, Standing
from app.storage.api_keys import MOST_USES, KeyUses
from app.tokens import Tokens

USER = uuid.UUID("6a7c5b1e-2f43-4f0e-9f57-0d6a3c1f2b4d")
KEY = "fon_" + "k" * 43
tokens = Tokens("a-secret-of-the-tests-0123456789abcdef")


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the moment."""
        return self.now


class Table:
    """Answers what the test says, and takes as long as it says."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.takes = 0.0
        self.asked = 0
        self.generation: int | None = 0
        self.known = True

    def standing(self, _user: uuid.UUID) -> Standing | None:
        """Return the generation as it was when it was asked for."""
        self.asked += 1
        found = self.generation
        self.clock.now += self.takes
        return None if found is None else Standing(found, None)

    def grant(self, _digest: bytes) -> Grant | None:
        """Return a key as it was when it was asked for."""
        self.asked += 1
        found = self.known
        self.clock.now += self.takes
        return Grant(uuid.UUID(int=1), USER, frozenset(), None, None) if found else None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the test move the clock."""
    clock = Clock()
    monkeypatch.setattr(access_module, "time", clock)
    return clock


@pytest.fixture
def table(clock: Clock) -> Table:
    """Make the table."""
    return Table(clock)


@pytest.fixture
def access(table: Table) -> Access:
    """Make what is tested."""
    return Access(tokens, table, KeyUses())  # type: ignore[arg-type]  # it answers the same


def test_what_was_good_is_believed_for_a_moment(access: Access, table: Table, clock: Clock) -> None:
    for _ in range(3):
        access.by_key(KEY)
    assert table.asked == 1

    clock.now += BELIEVED
    table.known = False

    with pytest.raises(InvalidToken):
        access.by_key(KEY)


def test_the_moment_begins_when_it_was_asked_for(
    access: Access, table: Table, clock: Clock
) -> None:
    table.takes = 1.0
    access.by_key(KEY)
    clock.now += BELIEVED - 1.0
    table.known = False

    with pytest.raises(InvalidToken):
        access.by_key(KEY)


def test_what_is_unknown_is_asked_for_each_time(access: Access, table: Table) -> None:
    table.known = False
    with pytest.raises(InvalidToken):
        access.by_key(KEY)
    table.known = True

    assert access.by_key(KEY).user == USER


def test_a_newer_token_is_no_reason_to_refuse(access: Access, table: Table) -> None:
    access.by_token(tokens.issue(USER))
    table.generation = 1

    assert access.by_token(tokens.issue(USER, 1)).user == USER
    with pytest.raises(InvalidToken):
        access.by_token(tokens.issue(USER))


def test_what_this_process_has_ended_is_not_believed(access: Access, table: Table) -> None:
    access.by_key(KEY)
    access.by_token(tokens.issue(USER))
    table.known, table.generation = False, None

    access.forget(USER)

    with pytest.raises(InvalidToken):
        access.by_key(KEY)
    with pytest.raises(InvalidToken):
        access.by_token(tokens.issue(USER))


def test_keys_are_random_and_known_by_their_prefix() -> None:
    keys = {secret_keys.generate() for _ in range(100)}

    assert len(keys) == 100
    assert all(secret_keys.is_key(key) and key.startswith("fon_") for key in keys)
    assert len({secret_keys.digest(key) for key in keys}) == 100
    assert all(len(secret_keys.digest(key)) == 32 for key in keys)


def test_uses_are_bounded() -> None:
    uses = KeyUses()
    for number in range(MOST_USES + 10):
        uses.note(uuid.UUID(int=number))

    assert len(uses._due) == MOST_USES
