"""What a worker tells of itself to whoever looks for a fault: nothing that came from a client."""

from __future__ import annotations

import msgspec


class Trouble(msgspec.Struct, frozen=True):
    """Something that went wrong lately, in our own words."""

    message: str
    cause: str
    times: int
    """Since it went wrong for the first time."""
    ago: float
    """Seconds since it went wrong last."""


class DependencyState(msgspec.Struct, frozen=True):
    """How a worker sees PostgreSQL or Redis."""

    away_for: float | None = None
    """Seconds for which it has not been asked, None while it is."""
    cause: str = ""
    """Why it is away, or was last."""
    troubles: tuple[Trouble, ...] = ()
    """The latest first."""


class Forwarding(msgspec.Struct, frozen=True):
    """How requests came through proxies: counts of the last of them that had X-Forwarded-For."""

    requests: int = 0
    addresses: int = 0
    """Different ones that these requests were taken to come from."""
    internal: int = 0
    """Requests of these whose address is no public one: a proxy's, not a client's."""
    fewest_hops: int = 0
    most_hops: int = 0


class VisitsState(msgspec.Struct, frozen=True):
    """What a worker has counted and not written yet."""

    waiting: int = 0
    """Visits."""
    oldest: float = 0.0
    """Seconds for which the oldest of them has been waiting."""
    cause: str = ""
    """Why the last batch was not written, empty after one that was."""
    upkeep: str = ""
    """Why looking after the tables failed the last time that this worker did it."""


class WorkerReport(msgspec.Struct, frozen=True):
    """One worker at one moment; `taken_at` is by its own clock."""

    task: str
    """The ECS task, or the host."""
    slot: int
    pid: int
    version: str
    environment: str
    taken_at: float
    port: int
    clock_ahead: float | None = None
    """Seconds by which its clock is ahead of Redis'."""
    address: str | None = None
    """From where it reaches PostgreSQL."""
    settings: dict[str, str] = msgspec.field(default_factory=dict)
    """By variable; secrets are not among them."""
    secrets: dict[str, str] = msgspec.field(default_factory=dict)
    """By variable, what only tells whether two are the same (app/fingerprints.py)."""
    postgresql: DependencyState = DependencyState()
    redis: DependencyState | None = None
    """None: not configured."""
    telemetry: dict[str, bool] = msgspec.field(default_factory=dict)
    """By configured signal, whether its last export was accepted."""
    stdout_unwritten: int = 0
    """Log lines of the last minute that standard output did not take."""
    forwarding: Forwarding = Forwarding()
    visits: VisitsState | None = None
    """None: a release that counts none."""

    @property
    def name(self) -> str:
        """Name the worker as metrics do, and apart from those of another port of its host."""
        return f"{self.task}-{self.slot}:{self.port}"
