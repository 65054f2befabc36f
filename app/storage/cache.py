"""Two caches before the table of links: one in the process, for seconds, and one in Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
from cachetools import TTLCache

from app import metrics
from app.blocking import Blocklist
from app.model.links import Known, NoLink, PlainLink
from app.model.managed_links import Terms
from app.storage.change_feed import ChangeFeed
from app.storage.redis import KEY_PREFIX, Redis, RedisAway

REDIS_SECONDS = 24 * 3600
REDIS_UNKNOWN_SECONDS = 60
PROCESS_SECONDS = 1.5
"""With the 2.5 s for which a worker believes Redis: no change takes 5 s (decision 0012)."""
PROCESS_BYTES = 8 * 1024 * 1024
OLDEST_KEPT = 0.5
"""Seconds: what took longer to be read is answered, and not kept in the process."""

_ENTRY_OVERHEAD = 400
_FORGOTTEN_AT_ONCE = 1_000
_LARGEST_ENTRY = PROCESS_BYTES // 8
_LINK_PREFIX = f"{KEY_PREFIX}link:"
# What a key holds: a mark, and behind it the target, the revision and the target, or the terms.
_FOUND = "+"
_REVISED = "~"
_MANAGED = "*"
_UNKNOWN = "-"
_NO_LINK = NoLink()
_decode_terms = msgspec.json.Decoder(Terms).decode


@dataclass(frozen=True, slots=True)
class Reading:
    """When something began to be read from the table, by the clock and by what was known then."""

    began: float
    generation: int


class LinkCache:
    """Remember what codes lead to, and for a short time codes without a link.

    The process' own cache is bounded by bytes; what it no longer holds, Redis may. What is older
    than the last change that `feed` knows is neither kept nor believed.
    """

    def __init__(self, redis: Redis | None, feed: ChangeFeed | None = None) -> None:
        self._redis = redis
        # Without a feed nothing is ever changed: as in tests of what no link can change.
        self._feed = feed
        self._blocklist = feed.blocklist if feed else Blocklist()
        self._process: TTLCache[str, Known] = TTLCache(
            PROCESS_BYTES, PROCESS_SECONDS, getsizeof=_size
        )
        self._lock = threading.Lock()
        if feed is not None:
            feed.add_listener(self)

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
            reading = self.reading()
            known = self._ask_redis(code, reading)
            if known is not None:
                known = self._keep(code, known, reading)
        return known

    def reading(self) -> Reading:
        """Return what to give to `put` with that which is read from the table from now on."""
        return Reading(time.monotonic(), self._feed.generation if self._feed else 0)

    def is_current(self, code: str, known: Known, reading: Reading) -> bool:
        """Tell whether what was read may still be answered: nothing newer is known."""
        took = time.monotonic() - reading.began
        return self._is_newest(code, known) and took < PROCESS_SECONDS + OLDEST_KEPT

    def put(self, code: str, known: Known, reading: Reading | None = None) -> Known:
        """Remember what was read, as far as Redis can be reached, and return it for an answer.

        A link whose target is blocked is never plain, so that each visit looks at the rules.
        """
        read = reading or self.reading()
        kept = self._keep(code, known, read)
        if self._redis is None:
            return kept
        key = _key(read.generation, code)
        seconds = REDIS_UNKNOWN_SECONDS if isinstance(known, NoLink) else REDIS_SECONDS
        value = _written(known)
        try:
            self._redis.ask(
                lambda client: client.execute_command(  # type: ignore[no-untyped-call]
                    "SET", key, value, "EX", seconds, later=True
                )
            )
        except RedisAway:
            return kept
        return kept

    def changed(self, code: str, known: Known) -> None:
        """Remember a link as this worker has just changed it, and that nothing older holds."""
        reading = self.reading()
        if self._feed is not None:
            self._feed.changed(code, known.revision)
        self.put(code, known, reading)

    def made(self, codes: Iterable[str]) -> None:
        """Forget of codes that no link has them: many were just made at once."""
        keys = [_key(self.reading().generation, code) for code in codes]
        for begin in range(0, len(keys), _FORGOTTEN_AT_ONCE):
            some = keys[begin : begin + _FORGOTTEN_AT_ONCE]
            if self._redis is None:
                return
            try:
                self._redis.ask(lambda client, some=some: client.unlink(*some))  # type: ignore[misc]
            except RedisAway:
                return  # a minute, and they are forgotten anyway

    def forget(self, changes: Mapping[str, int]) -> None:
        """Drop what the process knows of these codes and is older than these revisions."""
        with self._lock:
            for code, revision in changes.items():
                known = self._process.get(code)
                if known is not None and known.revision < revision:
                    del self._process[code]

    def forget_all(self) -> None:
        """Drop what the process knows."""
        with self._lock:
            self._process.clear()

    def _keep(self, code: str, known: Known, reading: Reading) -> Known:
        if isinstance(known, PlainLink) and self._blocklist.covers(known.target):
            known = Terms(known.target, known.revision)
        if _size(known) > _LARGEST_ENTRY:
            return known  # it would push out thousands of others, and one too large raises
        with self._lock:
            # Under the lock: a change is noted before its code is dropped, which waits for us.
            generation = self._feed.generation if self._feed else 0
            fresh = time.monotonic() - reading.began < OLDEST_KEPT
            if fresh and generation == reading.generation and self._is_newest(code, known):
                self._process[code] = known
        return known

    def _is_newest(self, code: str, known: Known) -> bool:
        return self._feed is None or known.revision >= self._feed.revision_of(code)

    def _ask_redis(self, code: str, reading: Reading) -> Known | None:
        if self._redis is None:
            return None
        skipped = self._redis.breaker.is_open
        try:
            value = self._redis.ask(lambda client: client.get(_key(reading.generation, code)))
        except (RedisAway, UnicodeDecodeError):
            metrics.record_redis_lookup("skipped" if skipped else "error")
            return None
        known = _read(value)
        if known is not None and not self._may_believe(code, known, reading):
            known = None
        metrics.record_redis_lookup("miss" if known is None else "hit")
        return known

    def _may_believe(self, code: str, known: Known, reading: Reading) -> bool:
        if self._feed is None:
            return True
        # In this order: asking whether it may be believed can bring news of this very code.
        believed = self._feed.believes() and self._feed.generation == reading.generation
        return believed and self._is_newest(code, known)


def _key(generation: int, code: str) -> str:
    return f"{_LINK_PREFIX}{generation}/{code}" if generation else _LINK_PREFIX + code


def _written(known: Known) -> str:
    if isinstance(known, NoLink):
        return _UNKNOWN
    if isinstance(known, PlainLink):
        if not known.revision:
            return _FOUND + known.target
        return f"{_REVISED}{known.revision} {known.target}"
    return _MANAGED + msgspec.json.encode(known).decode()


def _read(value: object) -> Known | None:
    if not isinstance(value, str) or not value:
        return None
    mark, rest = value[0], value[1:]
    if mark == _FOUND:
        return PlainLink(rest)
    if mark == _UNKNOWN and not rest:
        return _NO_LINK
    if mark == _REVISED:
        revision, _, target = rest.partition(" ")
        return PlainLink(target, int(revision)) if revision.isdecimal() and target else None
    return _terms(rest) if mark == _MANAGED else None


def _terms(text: str) -> Terms | None:
    try:
        return _decode_terms(text)
    except msgspec.MsgspecError:
        return None


def _size(known: Known) -> int:
    if isinstance(known, PlainLink):
        return _ENTRY_OVERHEAD + 4 * len(known.target)
    if isinstance(known, Terms):
        urls = len(known.target) + sum(len(rule.url) for rule in known.rules)
        return 2 * _ENTRY_OVERHEAD + 4 * urls + _ENTRY_OVERHEAD * len(known.rules)
    return _ENTRY_OVERHEAD
