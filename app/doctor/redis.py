"""Whether Redis or Valkey answers quickly, takes writes and will go on taking them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.config import RedisSettings
from app.doctor.agreement import mend_password
from app.doctor.findings import Finding, Progress, fail, ok, skip, warn
from app.doctor.network import Peer, Unreachable, reach
from app.doctor.peers import redis as redis_peer
from app.doctor.situation import Situation
from app.storage.causes import redis_cause
from app.storage.redis import KEY_PREFIX
from app.storage.worker_reports import ReportFolder

ROW = "redis"
SLOW = 0.05
"""Seconds; at twice that the service stops to wait for an answer."""
PINGS = 3

# Every key of ours has an expiry; in a shared cache allkeys-lru would forget what others keep.
_NEVER_FULL = "Set its maxmemory-policy to volatile-lru (ElastiCache: in its parameter group)"
# The first kind that fits counts: what was found, the likely cause, and the next command where
# it is not the one that shows whether the server runs.
_CAUSES: tuple[tuple[type[Exception], str, str, str], ...] = (
    (
        redis.ReadOnlyError,
        "takes no writes: a replica",
        "REDIS_ADDR leads to a replica, as after a failover",
        "Set REDIS_ADDR to the primary endpoint",
    ),
    (
        redis.OutOfMemoryError,
        "is out of memory",
        "its policy forbids to forget (noeviction), or keys of others without an expiry fill it",
        f"{_NEVER_FULL}; if it is, give it more memory",
    ),
    (redis.BusyLoadingError, "reads its data", "it has just started", ""),
    (
        redis.TimeoutError,
        "does not answer",
        "frozen, busy with one slow command, or REDIS_TLS does not match it",
        "",
    ),
    (
        redis.ConnectionError,
        "closes the connection",
        "REDIS_TLS does not match the server, or it is restarting",
        "Set REDIS_TLS as the server is",
    ),
)
_WAIT = 1.6
_KEY_SECONDS = 10


def check_redis(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Log in, write a key of our own that goes away by itself, and read how memory is kept."""
    wrong = situation.wrong("REDIS_")
    settings, peer = situation.settings.redis, redis_peer(situation)
    if wrong:
        yield skip(ROW, f"{', '.join(wrong)} cannot be used, see configuration")
    elif settings is None or peer is None:
        yield _unconfigured(situation)
    else:
        yield _ask(settings, peer, situation, progress)


def _unconfigured(situation: Situation) -> Finding:
    if situation.local:
        return skip(ROW, "REDIS_ADDR is not set: no shared cache")
    cause = "without it each resolve asks PostgreSQL, and rate limits count per process"
    return warn(ROW, "REDIS_ADDR is not set", cause, "Set REDIS_ADDR in task-definition.json")


def _ask(settings: RedisSettings, peer: Peer, situation: Situation, progress: Progress) -> Finding:
    try:
        reach(peer, progress)
    except Unreachable as error:
        return error.finding(ROW)
    cause = "the server is frozen or busy with one slow command; or REDIS_TLS does not match it"
    progress.at(f"asking {peer.shown}", cause, peer.start)
    client = redis.Redis(
        host=settings.host,
        port=settings.port,
        password=settings.password,
        ssl=settings.tls,
        socket_connect_timeout=_WAIT,
        socket_timeout=_WAIT,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        protocol=2,
        driver_info=None,
    )
    try:
        latency = min(_ping(client) for _ in range(PINGS))
        key = f"{KEY_PREFIX}doctor:{secrets.token_hex(8)}"
        client.set(key, "written by doctor", ex=_KEY_SECONDS)
        return _judge(_info(client), latency, peer, situation)
    except (redis.RedisError, OSError) as error:
        return _refused(error, peer, situation)
    finally:
        client.close()


def _ping(client: redis.Redis) -> float:
    begun = time.monotonic()
    client.ping()
    return time.monotonic() - begun


def _info(client: redis.Redis) -> dict[str, Any]:
    try:
        found: dict[str, Any] = client.info()
    except redis.ResponseError:  # a user without the right to INFO serves us well
        return {}
    return found


def _judge(info: dict[str, Any], latency: float, peer: Peer, situation: Situation) -> Finding:
    name = "Valkey" if "valkey_version" in info else "Redis"
    number = info.get("valkey_version") or info.get("redis_version") or "of an unknown version"
    policy, most = info.get("maxmemory_policy"), int(info.get("maxmemory") or 0)
    memory = f"{int(info.get('used_memory') or 0) / 2**20:.0f} MiB of "
    memory += f"{most / 2**20:.0f} MiB" if most else "no limit"
    found = f"{name} {number} at {peer.shown}, ping {latency * 1000:.1f} ms, {memory}, {policy}"
    if latency > SLOW:
        cause = "far away, overloaded, or a slow command: the service waits 0.1 s at most"
        then = "Look at its slow log (SLOWLOG GET), then at its load"
        return warn(ROW, found, cause, then if situation.local else peer.start)
    if most and policy == "noeviction":
        cause = "once full it refuses writes instead of forgetting old links"
        return warn(ROW, found, cause, _NEVER_FULL)
    if info and not most and not situation.local:
        cause = "without maxmemory it grows until its machine kills it"
        return warn(ROW, found, cause, "Set maxmemory, and maxmemory-policy to volatile-lru")
    return ok(ROW, found)


def _refused(error: Exception, peer: Peer, situation: Situation) -> Finding:
    found = f"{peer.shown}: {redis_cause(error)}"
    if isinstance(error, redis.AuthenticationError) or "password" in found:
        beside = bool(ReportFolder(situation.settings.port).living())
        cause = "REDIS_PASSWORD is not the server's, or is another server's"
        if beside:
            cause = "REDIS_PASSWORD was rotated after this task had started, or is another server's"
        return fail(ROW, found, cause, mend_password(None, situation, beside=beside))
    for kind, known, cause, then in _CAUSES:
        if isinstance(error, kind):
            return fail(ROW, f"{peer.shown} {known}", cause, then or peer.start)
    return fail(ROW, found, "the user's rights (ACL) or a foreign kind of server", peer.start)
