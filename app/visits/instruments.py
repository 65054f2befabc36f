"""What is counted of counting visits; every instrument is described in `docs/metrics.toml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from app.counts import Count

_counted = Count(
    "shortener.visits.counted",
    "{visit}",
    "Visits that were answered, by who came",
    "shortener.visit.kind",
    "person",
    "bot",
)
_folded = Count(
    "shortener.visits.folded",
    "{visit}",
    "Visits of which something counts as other, for want of room",
    "shortener.visit.part",
    "links",
    "values",
    "visitors",
)
_written = Count(
    "shortener.visits.written",
    "{visit}",
    "Visits that the database has, or that were lost at the end of a worker",
    "shortener.outcome",
    "written",
    "lost",
)
_read: list[Callable[[], Mapping[str, float]]] = []


def record_visits(kind: str, count: int) -> None:
    """Count visits of a `person` or a `bot`."""
    _counted.add(kind, count)


def record_folded(part: str, count: int) -> None:
    """Count visits whose `links`, `values` or `visitors` did not fit."""
    _folded.add(part, count)


def record_written(count: int, outcome: str = "written") -> None:
    """Count visits that were `written`, or `lost` when the worker ended."""
    _written.add(outcome, count)


def observe_waiting(read: Callable[[], Mapping[str, float]]) -> None:
    """Report the visits that wait; `read` gives their number, `waiting`, and the oldest's `age`."""
    _read[:] = [read]


def _number(key: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(read()[key]) for read in _read]

    return observe


_meter = get_meter("app")
_meter.create_observable_gauge(
    "shortener.visits.waiting",
    callbacks=[_number("waiting")],
    unit="{visit}",
    description="Visits that are counted and not written yet",
)
_meter.create_observable_gauge(
    "shortener.visits.oldest.age",
    callbacks=[_number("age")],
    unit="s",
    description="How long the oldest of them has been waiting",
)
