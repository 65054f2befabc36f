"""Two caches before the table of links: one in the process, for seconds, and one in Redis."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from cachetools import TTLCache

from app import metrics
from app.storage.redis import KEY_PREFIX, Redis, RedisAway

REDIS_SECONDS = 24 * 3600
REDIS_UNKNOWN_SECONDS = 60
PROCESS_SECONDS = 5.0
PROCESS_BYTES = 8 * 1024 * 1024

_ENTRY_OVERHEAD = 400
_LINK_PREFIX = f"{KEY_PREFIX}link:"
# What a key holds: a mark, and behind the first one the target.
_FOUND = "+"
_UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Cached:
    """What a cache knows of a code: its target, or None for a code that no link has."""

    target: str | None


_NOBODY = Cached(None)


class LinkCache:
    """Remember targets of codes, and for a short time codes without one.

    The process' own cache is bounded by bytes; what it no longer holds, Redis may.
    """

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._process: TTLCache[str, Cached] = TTLCache(
            PROCESS_BYTES, PROCESS_SECONDS, getsizeof=_size
        )
        self._lock = threading.Lock()

    def get(self, code: str) -> Cached | None:
        """Return what is known, or None; no failure of Redis gets out of here."""
        with self._lock:
            cached: Cached | None = self._process.get(code)
        metrics.record_process_lookup(hit=cached is not None)
        if cached is None:
            cached = self._ask_redis(code)
            if cached is not None:
                self._keep(code, cached)
        return cached

    def put(self, code: str, target: str | None) -> None:
        """Remember the target, or that there is none, as far as Redis can be reached."""
        self._keep(code, _NOBODY if target is None else Cached(target))
        if self._redis is None:
            return
        value = _UNKNOWN if target is None else _FOUND + target
        seconds = REDIS_UNKNOWN_SECONDS if target is None else REDIS_SECONDS
        try:
            self._redis.ask(
                lambda client: client.execute_command(  # type: ignore[no-untyped-call]
                    "SET", _LINK_PREFIX + code, value, "EX", seconds, later=True
                )
            )
        except RedisAway:
            return

    def _keep(self, code: str, cached: Cached) -> None:
        with self._lock:
            self._process[code] = cached

    def _ask_redis(self, code: str) -> Cached | None:
        if self._redis is None:
            return None
        skipped = self._redis.breaker.is_open
        try:
            value = self._redis.ask(lambda client: client.get(_LINK_PREFIX + code))
        except (RedisAway, UnicodeDecodeError):
            metrics.record_redis_lookup("skipped" if skipped else "error")
            return None
        cached = _read(value)
        metrics.record_redis_lookup("miss" if cached is None else "hit")
        return cached


def _read(value: object) -> Cached | None:
    if value == _UNKNOWN:
        return _NOBODY
    if isinstance(value, str) and value.startswith(_FOUND):
        return Cached(value[1:])
    return None


def _size(cached: Cached) -> int:
    return _ENTRY_OVERHEAD + 4 * len(cached.target or "")
