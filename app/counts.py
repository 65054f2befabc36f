"""Counting by numbers in memory, which the exporter's thread reads."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Observation, get_meter


class Count:
    """A monotonic count for each value of one attribute, all known beforehand."""

    def __init__(self, name: str, unit: str, description: str, attribute: str, *values: str):
        self._counts = dict.fromkeys(values, 0)
        self._lock = threading.Lock()
        self._attribute = attribute
        get_meter("app").create_observable_counter(
            name, callbacks=[self._observe], unit=unit, description=description
        )

    def add(self, value: str, count: int = 1) -> None:
        """Count so many with a value of the attribute; KeyError for one that was not named."""
        with self._lock:
            self._counts[value] += count

    def _observe(self, _options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            counts = list(self._counts.items())
        return [Observation(count, {self._attribute: value}) for value, count in counts]
