"""An export's turn, and what becomes of it when PostgreSQL is away or others wait."""

from uuid import UUID

import pytest

from app.model.callers import Caller
from app.model.errors import DatabaseUnavailable, TransfersBusy
from app.model.transfers import Format, Record
from app.storage.exports import ExportTable
from app.transfer import exporting, turns
from app.transfer.exporting import ExportCut, Exporting, Wanted
from app.transfer.turns import TransferTurns

WANTED = Wanted(Caller(UUID(int=1)), Format.JSONL)


class Pages(ExportTable):
    """Three pages of one link each; `away` times there is no database in between."""

    def __init__(self, away: int = 0) -> None:
        self._away = away

    def count(self, owner: UUID, after: str) -> int:  # noqa: ARG002  # one for all
        return 3

    def page(  # one for all
        self,
        owner: UUID,  # noqa: ARG002
        after: str,
        tag: int | None,  # noqa: ARG002
    ) -> list[Record]:
        if after and self._away:
            self._away -= 1
            cause = "away"
            raise DatabaseUnavailable(cause)
        following = {"": "abc", "abc": "abd", "abd": "abe"}.get(after)
        return [Record(code=following, url="https://e.com")] if following else []


@pytest.fixture
def one_turn(monkeypatch: pytest.MonkeyPatch) -> TransferTurns:
    monkeypatch.setattr(turns, "WAIT", 0.01)
    monkeypatch.setattr(exporting, "_PAUSE", 0.001)
    return TransferTurns(1)


def is_free(one_turn: TransferTurns) -> bool:
    try:
        one_turn.take()
    except TransfersBusy:
        return False
    one_turn.give_back()
    return True


def test_a_turn_is_held_while_it_is_read_and_given_back_at_its_end(
    one_turn: TransferTurns,
) -> None:
    pieces, count = Exporting(Pages(), one_turn).export(WANTED)
    held = not is_free(one_turn)
    lines = list(pieces)
    pieces.close()

    assert (held, count, len(lines)) == (True, 3, 3)
    assert is_free(one_turn)


def test_one_that_nobody_reads_gives_its_turn_back_when_it_is_closed(
    one_turn: TransferTurns,
) -> None:
    pieces, _ = Exporting(Pages(), one_turn).export(WANTED)

    pieces.close()

    assert is_free(one_turn)


def test_it_waits_for_a_database_that_comes_back(one_turn: TransferTurns) -> None:
    pieces, _ = Exporting(Pages(away=5), one_turn).export(WANTED)

    assert len(list(pieces)) == 3


def test_it_does_not_wait_for_ever(
    one_turn: TransferTurns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PATIENCE", 0.01)
    pieces, _ = Exporting(Pages(away=10_000), one_turn).export(WANTED)

    with pytest.raises(ExportCut):
        list(pieces)
    assert is_free(one_turn)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_long_one_ends_once_others_want_its_turn(
    one_turn: TransferTurns, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    monkeypatch.setattr(exporting, "FAIR", -1.0)
    pieces, _ = Exporting(Pages(), one_turn).export(WANTED)
    if wanted:
        assert not is_free(one_turn)

    if wanted:
        with pytest.raises(ExportCut):
            list(pieces)
    else:
        assert len(list(pieces)) == 3
