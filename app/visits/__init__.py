"""Counting visits: at no cost to the redirect, exactly once, and nobody remembered.

`counter` adds up in the process, `classifier` works out who came, `writer` is the one thread that
writes it down; `statistics` reads it. docs/decisions/0013-visits.md has the whole way of a visit.
"""

from app.visits.counter import Visits
from app.visits.settings import VisitSettings

__all__ = ["VisitSettings", "Visits"]
