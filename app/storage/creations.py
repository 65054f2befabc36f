"""What was made lately, by address and by host: added up in the process, written now and then."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime

from app.storage.connections import BoundedConnection
from app.storage.rate_limits import client_key
from app.storage.statements import Statement
from app.targets import host_of

KEPT_HOURS = 2
"""Hours; addresses of those who made links are kept no longer."""

_MOST = 2_000
_OTHERS = "others"
# In one order, so that two workers wait for each other and never in a circle.
_WRITE = Statement("""
    INSERT INTO link_creations AS kept (minute, kind, value, links)
    SELECT date_trunc('minute', %(minute)s::timestamptz), kind, value, links
    FROM unnest(%(kinds)s::text[], %(values)s::text[], %(counts)s::bigint[])
        AS added (kind, value, links)
    ORDER BY kind, value
    ON CONFLICT (minute, kind, value) DO UPDATE SET links = kept.links + excluded.links
    RETURNING 1
""")


class CreationCounts:
    """Counts of links made, bounded: what is beyond 2,000 different values is `others`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, address: str | None, target: str) -> None:
        """Count a link that somebody has made."""
        with self._lock:
            for kind, value in (("address", client_key(address)), ("host", host_of(target) or "")):
                known = (kind, value) in self._counts or len(self._counts) < _MOST
                self._counts[(kind, value if known else _OTHERS)] += 1

    def write(self, connection: BoundedConnection) -> None:
        """Write what was counted; raise psycopg.Error, and it is written the next time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        values = {
            "minute": datetime.now(UTC),
            "kinds": [kind for kind, _ in counts],
            "values": [value for _, value in counts],
            "counts": list(counts.values()),
        }
        try:
            connection.rows(_WRITE.text, _WRITE.values(values))
        except Exception:
            with self._lock:
                self._counts.update(counts)
            raise
