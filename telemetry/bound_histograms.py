"""A histogram whose series are looked up once: the SDK does it anew for each value.

The SDK filters, sorts and hashes the attributes of each value to find the series that it belongs
to: 12 of the 18 µs that recording one takes. Other languages' SDKs have bound instruments; this one
has not. So the first value of a set of attributes goes the official way, and makes the series; the
next ones are added to that series itself. What the SDK decides stays the SDK's: views, buckets,
temporality, exemplars, readers. The names it has inside are listed in docs/internals.md; where one
is missing, each value goes the official way.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram

Attributes = dict[str, str | int]


class Measurement:
    """One value, as the SDK's series take it."""

    __slots__ = ("attributes", "context", "time_unix_nano", "value")

    def __init__(self, value: float, attributes: Attributes, context: Context) -> None:
        self.value = value
        self.attributes = attributes
        self.context = context
        self.time_unix_nano = time_ns()


class BoundHistogram:
    """Records values of a histogram under sets of attributes that come again and again."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._series: dict[object, tuple[Attributes, list[Any]]] = {}
        self._consumer: Any = getattr(histogram, "_measurement_consumer", None)
        self._readers: Any = None

    @property
    def is_bound(self) -> bool:
        """Tell whether series are found; else each value goes the official way."""
        return self._consumer is not None

    def record(self, value: float, key: object, attributes: Attributes, context: Context) -> None:
        """Record the value; equal keys have equal attributes."""
        consumer, known = self._consumer, self._series.get(key)
        # Readers come and go by another mapping of them.
        if known is None or consumer._reader_storages is not self._readers:  # noqa: SLF001
            self._record_first(value, key, attributes, context)
            return
        attributes, series = known
        measurement = Measurement(value, attributes, context)
        sampled = consumer._sdk_config.exemplar_filter.should_sample(  # noqa: SLF001
            value, measurement.time_unix_nano, attributes, context
        )
        for one in series:
            one.aggregate(measurement, sampled)

    def _record_first(
        self, value: float, key: object, attributes: Attributes, context: Context
    ) -> None:
        self._histogram.record(value, attributes, context)
        try:
            readers = self._consumer._reader_storages  # noqa: SLF001
            if readers is not self._readers:
                self._series.clear()
                self._readers = readers
            self._series[key] = (attributes, self._find(readers, attributes))
        except (AttributeError, LookupError):
            self._consumer = None
            self._series.clear()

    def _find(self, readers: Any, attributes: Attributes) -> list[Any]:
        """Return the series of each reader and view; LookupError if one is not there."""
        found = []
        for reader in readers.values():
            for view in reader._get_or_init_view_instrument_match(self._histogram):  # noqa: SLF001
                kept = view._view._attribute_keys  # noqa: SLF001
                wanted = {
                    name: held for name, held in attributes.items() if kept is None or name in kept
                }
                (series,) = [
                    series
                    for series in view._attributes_aggregation.values()  # noqa: SLF001
                    if series._attributes == wanted  # noqa: SLF001
                ] or [None]
                if series is None:
                    raise LookupError
                found.append(series)
        return found
