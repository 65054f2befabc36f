"""Redis or Valkey, which may be missing, slow or hanging at any time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app import metrics
from app.config import RedisSettings
from app.model.worker_reports import DependencyState
from app.storage.breaker import CircuitBreaker
from app.storage.causes import redis_cause
from app.storage.complaints import Complaints
from app.storage.redis_connections import (
    Client,
    Connection,
    ThreadConnections,
    TlsConnection,
)

log = logging.getLogger(__name__)

KEY_PREFIX = "shortener:"
"""The server may be shared: every key of ours begins so."""

_CONNECT_WAIT = 0.25
_REPLY_WAIT = 0.1
_PROBE_INTERVAL = 2.0

T = TypeVar("T")


class RedisAway(Exception):
    """Redis was not asked or did not answer; the caller goes on without it."""


class Redis:
    """Ask Redis, a tenth of a second at most, and not at all while it is away."""

    def __init__(self, settings: RedisSettings) -> None:
        self._connections = ThreadConnections(
            connection_class=TlsConnection if settings.tls else Connection,
            host=settings.host,
            port=settings.port,
            password=settings.password,
            socket_connect_timeout=_CONNECT_WAIT,
            socket_timeout=_REPLY_WAIT,
            # A connection that the server closed meanwhile is opened anew, once; a server that
            # does not answer is not asked twice.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            decode_responses=True,
            protocol=2,
            driver_info=None,
        )
        self.client = Client(connection_pool=self._connections)
        self.client.refused = self._complain
        self.breaker = CircuitBreaker(
            "Redis", self.client.ping, _PROBE_INTERVAL, describe=redis_cause
        )
        self._complaints = Complaints(log)

    def ask(self, command: Callable[[redis.Redis], T]) -> T:
        """Return `command(client)`; raise RedisAway for every failure of Redis."""
        if self.breaker.is_open:
            raise RedisAway
        try:
            return command(self.client)
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self.breaker.failed(redis_cause(error))
            raise RedisAway from None
        except redis.RedisError as error:
            self._complain(error)
            raise RedisAway from None

    def is_healthy(self) -> bool:
        """Tell within a third of a second whether Redis answers."""
        try:
            return bool(self.ask(lambda client: client.ping()))
        except RedisAway:
            return False

    def state(self) -> DependencyState:
        """Return how Redis is seen from here."""
        return self.breaker.state(self._complaints)

    def close(self) -> None:
        """End the probing and close all connections."""
        self.breaker.stop()
        self._connections.disconnect()

    def _complain(self, error: redis.RedisError) -> None:
        if isinstance(error, redis.ReadOnlyError):
            # A demoted primary: let the next command find the new one by its name.
            self._connections.renew()
        metrics.record_redis_refusal(_refusal(error))
        self._complaints.say("Redis refused a command", redis_cause(error))


def _refusal(error: redis.RedisError) -> str:
    """Name the kind of a refusal, as `metrics.record_redis_refusal` wants it."""
    if isinstance(error, redis.OutOfMemoryError):
        return "out_of_memory"
    if isinstance(error, redis.ReadOnlyError):
        return "read_only"
    return "other"
