"""Whose turn it is to look after the tables of visits: one worker's of all, once a minute."""

from __future__ import annotations

from app.storage.database import Database
from app.storage.statements import Statement

_CLAIM = Statement("""
    UPDATE visit_upkeep SET folded_at = now()
    WHERE folded_at < now() - make_interval(secs => %(seconds)s)
        AND (folded_at < now() - interval '1 hour' OR EXISTS (SELECT FROM visitor_hashes))
    RETURNING true
""")


class VisitClaims:
    """Ask for the turn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, seconds: float) -> bool:
        """Tell whether there is something to do that nobody has begun for so long.

        Raises DatabaseUnavailable.
        """
        return bool(self._database.rows(_CLAIM, {"seconds": seconds}, repeatable=False, aside=True))
