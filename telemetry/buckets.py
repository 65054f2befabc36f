"""Bounds of the buckets of every histogram, in one table; docs/metrics.toml repeats them.

Each holds the bounds that the semantic conventions advise, so that queries by their `le` go on
working, and finer ones where most of what was measured lies (docs/performance.md). Neighbours are
at most 2.5 times apart: so wrong can a quantile be, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping

# A resolve takes some 0.2 ms in the process; a password takes tenths of a second.
_REQUESTS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025),
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
# A statement by an index takes some 0.65 ms, and none longer than its limit of 5 s.
_STATEMENTS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

BUCKETS: Mapping[str, tuple[float, ...]] = {
    "http.server.request.duration": _REQUESTS,
    "db.client.operation.duration": _STATEMENTS,
}
"""By the instrument's name; seconds."""
