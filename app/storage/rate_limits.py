"""Rate limits by client address in fixed windows."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from uuid import UUID

from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter

from app import metrics
from app.config import Rate, RateLimitSettings
from app.model.errors import RateLimitExceeded
from app.storage.redis import KEY_PREFIX, Redis, RedisAway

_MOST_CLIENTS = 100_000


class RateLimits:
    """Count requests; raise RateLimitExceeded for one too many.

    Writes and lists are counted in Redis for all workers and tasks together, in the process
    while Redis is away. Resolves are always counted in the process: no round trip on the hot path.
    """

    def __init__(self, settings: RateLimitSettings, redis: Redis | None, secret: str = "") -> None:
        """Settle the windows; `secret`, the same for all tasks, hides clients' names in Redis."""
        self._enabled = settings.enabled
        self._general = _SharedWindow("general", settings.general, redis, secret)
        self._auth = _SharedWindow("auth", settings.auth, redis, secret)
        self._resolve = ProcessWindow(settings.resolve)
        self._guesses = ProcessWindow(settings.general)

    def general(self, address: str | None) -> None:
        """Count a request that writes or lists."""
        if self._enabled:
            self._general.count(client_key(address))

    def general_of_key(self, key: UUID) -> None:
        """Count a request that writes or lists with an API key, by its number."""
        if self._enabled:
            self._general.count(f"key {key}")

    def guess(self, address: str | None) -> None:
        """Count a request with a key that nobody has."""
        if self._enabled:
            self._guesses.count(client_key(address))
            self._general.count(client_key(address))

    def check_guesses(self, address: str | None) -> None:
        """Refuse an address that has sent too many keys that nobody has; count nothing."""
        wait = self._guesses.wait(client_key(address)) if self._enabled else 0
        if wait:
            _refuse("general", self._guesses.rate, wait)

    def auth(self, address: str | None) -> None:
        """Count a signup or login."""
        if self._enabled:
            self._auth.count(client_key(address))

    def password_of(self, user: UUID) -> None:
        """Count a try of somebody who is logged in at the password of their account."""
        if self._enabled:
            self._auth.count(f"user {user}")

    def resolve(self, address: str | None) -> None:
        """Count a resolve or redirect."""
        if self._enabled:
            wait = self._resolve.count(client_key(address))
            if wait:
                _refuse("resolve", self._resolve.rate, wait)

    def takes_resolve(self, address: str | None) -> bool:
        """Count a resolve or redirect; or return False, and count neither it nor a refusal."""
        return not self._enabled or not self._resolve.count(client_key(address))


class ProcessWindow:
    """A fixed window in this process, on the monotonic clock: a stepping clock changes nothing.

    At most 100,000 clients are counted in a window; beyond that, newcomers are not.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._ends_at = clock() + rate.window
        self._lock = threading.Lock()

    def count(self, key: str) -> int:
        """Return 0, or the seconds to wait for the next window."""
        now = self._clock()
        with self._lock:
            if now >= self._ends_at:
                self._counts.clear()
                self._ends_at = now + self.rate.window
            count = self._counts.get(key, 0)
            if count >= self.rate.limit:
                return max(1, math.ceil(self._ends_at - now))
            if count or len(self._counts) < _MOST_CLIENTS:
                self._counts[key] = count + 1
            return 0

    def wait(self, key: str) -> int:
        """Return what `count` would, and count nothing."""
        now = self._clock()
        with self._lock:
            used_up = now < self._ends_at and self._counts.get(key, 0) >= self.rate.limit
            return max(1, math.ceil(self._ends_at - now)) if used_up else 0


class _SharedWindow:
    def __init__(self, name: str, rate: Rate, redis: Redis | None, secret: str) -> None:
        self._name = name
        self._rate = rate
        self._item = RateLimitItemPerSecond(rate.limit, rate.window)
        self._process = ProcessWindow(rate)
        self._redis = redis
        self._secret = hashlib.sha256(secret.encode()).digest()
        if redis is not None:
            self._limiter = FixedWindowRateLimiter(_storage(redis))

    def count(self, key: str) -> None:
        wait = self._wait(key)
        if wait:
            _refuse(self._name, self._rate, wait)

    def _wait(self, key: str) -> int:
        if self._redis is None:
            return self._process.count(key)
        try:
            return self._redis.ask(lambda _client: self._shared_wait(self._hidden(key)))
        except RedisAway:
            return self._process.count(key)

    def _hidden(self, key: str) -> str:
        """Return what stands for a client in Redis, where no address is kept.

        Keyed, or whoever reads the keys would try all addresses there are.
        """
        return hashlib.blake2b(key.encode(), key=self._secret, digest_size=12).hexdigest()

    def _shared_wait(self, key: str) -> int:
        if self._limiter.hit(self._item, self._name, key):
            return 0
        reset_at = self._limiter.get_window_stats(self._item, self._name, key).reset_time
        return min(max(1, math.ceil(reset_at - time.time())), self._rate.window)


def _storage(redis: Redis) -> RedisStorage:
    storage = RedisStorage(
        "redis://",
        connection_pool=redis.client.connection_pool,
        key_prefix=f"{KEY_PREFIX}limit",
    )
    storage.storage = redis.client  # instead of a client of its own
    storage.initialize_storage("redis://")
    return storage


@lru_cache(maxsize=4096)
def client_key(address: str | None) -> str:
    """Return what a client is counted by: an IPv4 address, or the /64 of an IPv6 address.

    One subscriber is given a whole /64 (RFC 6177, BCP 157), so single addresses bound nobody.
    """
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return (address or "unknown")[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def _refuse(name: str, rate: Rate, wait: int) -> None:
    metrics.record_refused(name)
    raise RateLimitExceeded(name, retry_after=wait, limit=rate.limit, window=rate.window)
