"""Changes to links told through Redis, for workers that cannot ask PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from app.storage.redis import KEY_PREFIX, Redis, RedisAway

SECONDS = 48 * 3600
"""Twice as long as an entry for a link stays in Redis."""
_STATE = f"{KEY_PREFIX}feed"
_CHANGES = f"{KEY_PREFIX}changes:"
_AT_ONCE = 500
_NEWEST = 1000


class _State(msgspec.Struct, frozen=True):
    generation: int
    blocked: list[str]


class RedisFeed:
    """A sorted set of codes by revision for each generation, and a key that says which it is."""

    def __init__(self, redis: Redis, most: int) -> None:
        self._redis = redis
        self._most = most
        self._read_whole: int | None = None
        """The generation whose changes were read from the first one on."""

    def publish(self, generation: int, blocked: Iterable[str], changes: Mapping[str, int]) -> bool:
        """Tell others; False when they could not be told. A revision never goes back."""
        state = msgspec.json.encode(_State(generation, sorted(blocked)))
        key = f"{_CHANGES}{generation}"
        try:
            left = iter(changes.items())
            while some := list(islice(left, _AT_ONCE)):
                pairs = [each for code, revision in some for each in (revision, code)]
                self._ask("ZADD", key, "GT", *pairs)
            if changes:
                self._ask("ZREMRANGEBYRANK", key, 0, -self._most - 1)
                self._ask("EXPIRE", key, SECONDS)
            self._ask("SET", _STATE, state, "EX", SECONDS)
        except RedisAway:
            return False
        return True

    def read(self) -> tuple[int, frozenset[str], Mapping[str, int]] | None:
        """Return generation, blocked hosts and changes; None if they are not there."""
        try:
            state = msgspec.json.decode(self._ask("GET", _STATE) or b"", type=_State)
            last = _NEWEST - 1 if self._read_whole == state.generation else -1
            key = f"{_CHANGES}{state.generation}"
            found: Any = self._redis.ask(
                lambda client: client.zrevrange(key, 0, last, withscores=True)
            )
        except (RedisAway, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        self._read_whole = state.generation
        changes = {str(code): int(revision) for code, revision in found}
        return state.generation, frozenset(state.blocked), changes

    def _ask(self, *command: object) -> Any:
        return self._redis.ask(
            lambda client: client.execute_command(*command)  # type: ignore[no-untyped-call]
        )
