"""What a worker knows of changes to links, and whether it may believe what Redis holds.

Decision 0012, point 5, has the reasons. Times are of the monotonic clock, in seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from app.blocking import Blocklist
from app.storage.statements import Statement

LOOK_INTERVAL = 1.0
LONGEST_BELIEF = 2.5
"""For how long after its last look a worker believes what Redis holds."""
MOST_REMEMBERED = 20_000
"""Changes; then a new generation starts and the old ones are forgotten."""
SHORTEST_GENERATION = 60.0
REMINDER = 30.0
"""How often Redis is told again, which may have lost everything meanwhile."""

# `xid >=` the oldest transaction that was still open at the last look: what commits out of order
# is seen, and some changes are seen twice.
_LOOK = Statement("""
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text, feed.generation, feed.blocked_revision,
        changes.code, changes.revision
    FROM link_feed AS feed
    LEFT JOIN LATERAL (
        SELECT code, revision FROM link_changes
        WHERE xid >= greatest(%(since)s::text::xid8, feed.forgotten_before)
        LIMIT %(limit)s
    ) AS changes ON true
""")
_BLOCKED = Statement("SELECT host FROM blocked_hosts")
# What was committed before this statement began is no longer asked for: who learns of the new
# generation forgets everything anyway.
_START_GENERATION = Statement("""
    UPDATE link_feed
    SET generation = generation + 1, forgotten_before = pg_snapshot_xmin(pg_current_snapshot())
    WHERE generation = %(generation)s
    RETURNING generation
""")


class Connection(Protocol):
    """Asks PostgreSQL."""

    def rows(self, text: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""


class Listener(Protocol):
    """A cache that is told what it must no longer answer."""

    def forget(self, changes: Mapping[str, int]) -> None:
        """Drop what is older than these revisions of codes."""

    def forget_all(self) -> None:
        """Drop everything."""


class SecondChannel(Protocol):
    """Where changes are told when PostgreSQL cannot be asked (app/storage/redis_feed.py)."""

    def publish(self, generation: int, blocked: Iterable[str], changes: Mapping[str, int]) -> bool:
        """Tell others; False when they could not be told."""

    def read(self) -> tuple[int, frozenset[str], Mapping[str, int]] | None:
        """Return generation, blocked hosts and changes as others told them, None without."""


class ChangeFeed:
    """Changes since the current generation began, by code; safe from any thread."""

    def __init__(self, blocklist: Blocklist, channel: SecondChannel | None = None) -> None:
        self.blocklist = blocklist
        self.generation = 0
        self._channel = channel
        self._listeners: list[Listener] = []
        self._revisions: dict[str, int] = {}
        self._untold: dict[str, int] = {}
        self._told: tuple[int, frozenset[str]] | None = None
        self._told_at = float("-inf")
        self._since = "0"
        self._blocked_revision: int | None = None
        self._looked_at = float("-inf")
        self._started_at = float("-inf")
        self._too_many = False
        self._heard = _Heard()
        self._lock = threading.Lock()

    def add_listener(self, listener: Listener) -> None:
        """Tell this cache of every change from now on."""
        self._listeners.append(listener)

    @property
    def age(self) -> float:
        """Seconds since PostgreSQL was last asked with success; infinite before the first time."""
        return time.monotonic() - self._looked_at

    def revision_of(self, code: str) -> int:
        """Return the revision that an entry for this code must have at least."""
        return self._revisions.get(code, 0)

    def changed(self, code: str, revision: int) -> None:
        """Note a change that this worker has made or come across itself."""
        self._note({code: revision})

    def believes(self) -> bool:
        """Tell whether what Redis holds may be believed now; may ask Redis what others know."""
        if self.age <= LONGEST_BELIEF:
            return True
        channel = self._channel
        if channel is None or self._too_many:
            return False
        return self._heard.is_recent(lambda: self._hear(channel))

    def look(self, connection: Connection) -> None:
        """Ask PostgreSQL for what is new; raise psycopg.Error."""
        began = time.monotonic()
        changes = self._ask(connection)
        if changes is None or len(self._revisions) > MOST_REMEMBERED:
            self._ask_for_generation(connection)
            changes = self._ask(connection)
        self._too_many = changes is None
        if changes is not None:
            self._looked_at = began
            self._tell()

    def _ask(self, connection: Connection) -> Mapping[str, int] | None:
        """Take in what is new and return it; None if it is too much to be remembered."""
        rows = self._rows(connection)
        if rows[0][1] != self.generation and self._since != "0":
            # What is before the new generation is forgotten; what is after it is asked for again.
            self._since = "0"
            rows = self._rows(connection)
        oldest_open, generation, blocked_revision = rows[0][:3]
        if len(rows) > MOST_REMEMBERED:
            return None
        if generation != self.generation:
            self._start_generation(generation)
        if blocked_revision != self._blocked_revision:
            self._block(host for (host,) in connection.rows(_BLOCKED.text, ()))
            self._blocked_revision = blocked_revision
        changes = {code: revision for *_, code, revision in rows if code is not None}
        self._note(changes)
        self._since = oldest_open
        return changes

    def _rows(self, connection: Connection) -> list[tuple[Any, ...]]:
        values = {"since": self._since, "limit": MOST_REMEMBERED + 1}
        return connection.rows(_LOOK.text, _LOOK.values(values))

    def _ask_for_generation(self, connection: Connection) -> None:
        now = time.monotonic()
        if now - self._started_at >= SHORTEST_GENERATION:
            self._started_at = now
            values = {"generation": self.generation}
            connection.rows(_START_GENERATION.text, _START_GENERATION.values(values))

    def _start_generation(self, generation: int) -> None:
        with self._lock:
            self._revisions = {}
            self._untold = {}
            self.generation = generation
        for listener in self._listeners:
            listener.forget_all()

    def _block(self, hosts: Iterable[str]) -> None:
        before = self.blocklist.hosts
        self.blocklist.replace(hosts)
        if self.blocklist.hosts != before:
            for listener in self._listeners:
                listener.forget_all()

    def _note(self, changes: Mapping[str, int]) -> None:
        if not changes:
            return
        with self._lock:
            for code, revision in changes.items():
                if revision > self._revisions.get(code, 0):
                    self._revisions[code] = self._untold[code] = revision
        for listener in self._listeners:
            listener.forget(changes)

    def _tell(self) -> None:
        """Let those hear of it who cannot ask PostgreSQL, and remind them now and then."""
        state = (self.generation, self.blocklist.hosts)
        reminded = time.monotonic() - self._told_at < REMINDER
        if self._channel is None or (reminded and not self._untold and state == self._told):
            return
        with self._lock:
            untold, self._untold = self._untold, {}
        if self._channel.publish(*state, untold):
            self._told, self._told_at = state, time.monotonic()
            return
        with self._lock:
            for code, revision in untold.items():
                self._untold[code] = max(revision, self._untold.get(code, 0))

    def _hear(self, channel: SecondChannel) -> bool:
        heard = channel.read()
        if heard is None or heard[0] < self.generation:
            return False
        generation, blocked, changes = heard
        if generation > self.generation:
            self._start_generation(generation)
            self._since = "0"
        self._block(blocked)
        self._blocked_revision = None  # PostgreSQL knows better, once it can be asked again
        self._note(changes)
        return True


class _Heard:
    """When Redis was last asked for changes, and with what success; one thread asks at a time."""

    INTERVAL = 0.5
    LASTS = 1.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._succeeded_at = float("-inf")

    def is_recent(self, ask: Callable[[], bool]) -> bool:
        """Tell whether changes were heard of just now, after asking if it is time."""
        with self._lock:
            now = time.monotonic()
            if now - self._asked_at >= self.INTERVAL:
                self._asked_at = now
                if ask():
                    self._succeeded_at = now
            return now - self._succeeded_at <= self.LASTS
