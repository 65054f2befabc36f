"""What visits add up to, as their owner asks for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from app.fields import tag_key
from app.model.errors import InvalidQuery, InvalidToken, TokenFault, UrlNotFound
from app.model.visits import OTHER, Dimension, Tally
from app.storage.statistics import Asked, Read, StatisticsTable
from app.visits.spans import Span, SpanError, span

SETTLING = 2.0
"""Seconds after which every worker has written what it had counted: twice the writer's interval."""
MOST_SETTLING = 2
"""Threads of a worker that wait for it at once; whoever comes beyond that does not wait."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a caller asks for, as it came."""

    begin: str | None = None
    end: str | None = None
    interval: str | None = None
    zone: str | None = None


@dataclass(slots=True)
class Step:
    """One step of a series."""

    at: datetime
    """In the caller's zone."""
    tally: Tally = field(default_factory=Tally)
    visitors: int | None = None
    """None for hours: visitors are told apart by days."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """A series without holes, what it adds up to, and where visits came from."""

    span: Span
    series: list[Step]
    totals: Tally
    visitors: int
    breakdowns: dict[Dimension, list[tuple[str, int]]]
    """The most frequent values first, `other` last."""


class Statistician:
    """The use cases."""

    def __init__(self, table: StatisticsTable, settling: float = SETTLING) -> None:
        self._table = table
        self._settling = settling
        self._places = threading.Semaphore(MOST_SETTLING)

    def of_link(
        self, code: str, owner: UUID, question: Question, within: str | None = None
    ) -> Statistics:
        """Return the statistics of one's own link; raise UrlNotFound or InvalidQuery.

        Whoever is limited to links `within` a tag has no others.
        """
        asked = _read_question(question)
        read = self._table.of_link(code, owner, _asked(asked), _key(within))
        if not read.scopes:
            raise UrlNotFound
        return _statistics(asked, read)

    def of_all(
        self, owner: UUID, tag: str | None, question: Question, within: str | None = None
    ) -> Statistics:
        """Return those of all of the owner's links, or of those that have a tag.

        A visitor of two links with the tag is two of its visitors. Raises InvalidQuery, and
        InvalidToken where the account is gone.
        """
        asked = _read_question(question)
        key = _key(within if tag is None else tag)
        if key is not None:
            read = self._table.of_tag(owner, key, _asked(asked), _key(within))
            return _statistics(asked, read)
        read = self._table.of_account(owner, _asked(asked))
        if not read.scopes:
            raise InvalidToken(TokenFault.USER_GONE)
        return _statistics(asked, read)

    def forget(self, code: str, owner: UUID, within: str | None = None) -> None:
        """Begin anew: delete the numbers of one's own link; raise UrlNotFound.

        It takes `SETTLING` seconds: visits that were answered before, and that any worker writes
        meanwhile, are deleted too. One that is answered after the return is not.
        """
        if not self._table.forget(code, owner, _key(within)):
            raise UrlNotFound
        if self._places.acquire(blocking=False):
            try:
                time.sleep(self._settling)
            finally:
                self._places.release()
            self._table.forget(code, owner, _key(within))


def _key(tag: str | None) -> str | None:
    return None if tag is None else tag_key(tag)


def _read_question(question: Question) -> Span:
    try:
        return span(
            question.begin, question.end, question.interval, question.zone, datetime.now(UTC)
        )
    except SpanError as error:
        raise InvalidQuery(str(error)) from None


def _asked(asked: Span) -> Asked:
    # A step is a moment of PostgreSQL's, whatever zone it is written in.
    steps = [step.astimezone(UTC) for step in asked.steps]
    return Asked(asked.begin, asked.end, asked.first_day, asked.last_day, steps)


def _statistics(asked: Span, read: Read) -> Statistics:
    by_days = asked.interval != "hour"
    series = [Step(at, visitors=0 if by_days else None) for at in asked.steps]
    for number, tally in read.steps.items():
        _add(series[number - 1].tally, tally)
    for day, step in _placed(read.folded, series):
        _add(step.tally, read.folded[day])
    if by_days:
        for day, step in _placed(read.visitors, series):
            step.visitors = (step.visitors or 0) + read.visitors[day]
    totals = Tally()
    for step in series:
        _add(totals, step.tally)
    return Statistics(asked, series, totals, sum(read.visitors.values()), _breakdowns(read))


def _placed(days: Iterable[date], series: list[Step]) -> Iterator[tuple[date, Step]]:
    """Yield each day with the step that it belongs to: days are the caller's by their date."""
    for day in days:
        for step in reversed(series):
            if step.at.date() <= day:
                yield day, step
                break
        else:
            yield day, series[0]


def _add(total: Tally, more: Tally) -> None:
    total.visits += more.visits
    total.bots += more.bots
    total.scans += more.scans


def _breakdowns(read: Read) -> dict[Dimension, list[tuple[str, int]]]:
    found: dict[Dimension, list[tuple[str, int]]] = {dimension: [] for dimension in Dimension}
    for number, value, visits in read.values:
        if visits > 0:
            found[Dimension(number)].append((value, visits))
    for values in found.values():
        values.sort(key=lambda pair: (pair[0] == OTHER, -pair[1], pair[0]))
    return found
