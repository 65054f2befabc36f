"""What the operator decides about visits, read from the environment."""

from __future__ import annotations

from dataclasses import dataclass

from app.environment import Environment

LONGEST_KEPT = 36_500
"""Days: a hundred years are for ever."""


@dataclass(frozen=True, slots=True)
class VisitPolicy:
    """How visits are counted and how long what is kept."""

    track_visitors: bool = True
    """Whether visitors are told apart, by a hash whose salt is gone after two days."""
    hours_kept: int = 400
    """Days after which quarters of an hour become days of UTC."""
    days_kept: int = 1100
    """Days after which the numbers go, whole months at a time."""
    upkeep: bool = True
    """Whether the service looks after these tables itself."""


def visit_policy(environment: Environment) -> VisitPolicy:
    """Read the variables; what is wrong is noted in the environment."""
    policy = VisitPolicy(
        track_visitors=environment.boolean("TRACK_VISITORS", default=True),
        hours_kept=environment.integer("VISITS_HOURS_KEPT", 400, 2, LONGEST_KEPT),
        days_kept=environment.integer("VISITS_KEPT", 1100, 32, LONGEST_KEPT),
        upkeep=environment.boolean("VISITS_UPKEEP", default=True),
    )
    if policy.days_kept < policy.hours_kept:
        allowed = f"at least VISITS_HOURS_KEPT, which is {policy.hours_kept}"
        environment.reject("VISITS_KEPT", str(policy.days_kept), allowed)
    return policy
