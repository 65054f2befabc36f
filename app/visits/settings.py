"""How visits are counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.visitors import Countries


@dataclass(frozen=True, slots=True)
class VisitSettings:
    """What the operator decides about visits."""

    track_visitors: bool = True
    countries: Countries = field(default_factory=Countries)
    own_hosts: frozenset[str] = frozenset()
    """A page of ours that leads somewhere is not where a visitor came from."""
