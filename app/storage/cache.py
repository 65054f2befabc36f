"""Two caches before the table of links: one in the process, for seconds, and one in Redis."""

from __future__ import annotations

import threading

from cachetools import TTLCache

from app import metrics
from app.model.links import Known, NoLink, PlainLink
from app.storage.redis import KEY_PREFIX, Redis, RedisAway

REDIS_SECONDS = 24 * 3600
REDIS_UNKNOWN_SECONDS = 60
PROCESS_SECONDS = 5.0
PROCESS_BYTES = 8 * 1024 * 1024

_ENTRY_OVERHEAD = 400
_LARGEST_ENTRY = PROCESS_BYTES // 8
_LINK_PREFIX = f"{KEY_PREFIX}link:"
# What a key holds: a mark, and behind the first one the target.
_FOUND = "+"
_UNKNOWN = "-"
_NO_LINK = NoLink()


class LinkCache:
    """Remember targets of codes, and for a short time codes without one.

    The process' own cache is bounded by bytes; what it no longer holds, Redis may.
    """

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._process: TTLCache[str, Known] = TTLCache(
            PROCESS_BYTES, PROCESS_SECONDS, getsizeof=_size
        )
        self._lock = threading.Lock()

    def at_hand(self, code: str) -> Known | None:
        """Return what the process' own cache knows, or None; count nothing and ask nobody."""
        with self._lock:
            known: Known | None = self._process.get(code)
        return known

    def get(self, code: str) -> Known | None:
        """Return what is known, or None; no failure of Redis gets out of here."""
        known = self.at_hand(code)
        metrics.record_process_lookup(hit=known is not None)
        if known is None:
            known = self._ask_redis(code)
            if known is not None:
                self._keep(code, known)
        return known

    def put(self, code: str, known: Known) -> None:
        """Remember a link, or that there is none, as far as Redis can be reached."""
        self._keep(code, known)
        if self._redis is None:
            return
        if isinstance(known, PlainLink):
            value, seconds = _FOUND + known.target, REDIS_SECONDS
        else:
            value, seconds = _UNKNOWN, REDIS_UNKNOWN_SECONDS
        try:
            self._redis.ask(
                lambda client: client.execute_command(  # type: ignore[no-untyped-call]
                    "SET", _LINK_PREFIX + code, value, "EX", seconds, later=True
                )
            )
        except RedisAway:
            return

    def _keep(self, code: str, known: Known) -> None:
        if _size(known) > _LARGEST_ENTRY:
            return  # it would push out thousands of others, and one larger than the cache raises
        with self._lock:
            self._process[code] = known

    def _ask_redis(self, code: str) -> Known | None:
        if self._redis is None:
            return None
        skipped = self._redis.breaker.is_open
        try:
            value = self._redis.ask(lambda client: client.get(_LINK_PREFIX + code))
        except (RedisAway, UnicodeDecodeError):
            metrics.record_redis_lookup("skipped" if skipped else "error")
            return None
        known = _read(value)
        metrics.record_redis_lookup("miss" if known is None else "hit")
        return known


def _read(value: object) -> Known | None:
    if value == _UNKNOWN:
        return _NO_LINK
    if isinstance(value, str) and value.startswith(_FOUND):
        return PlainLink(value[1:])
    return None


def _size(known: Known) -> int:
    return _ENTRY_OVERHEAD + (4 * len(known.target) if isinstance(known, PlainLink) else 0)
