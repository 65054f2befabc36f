"""What the service counts, over the OpenTelemetry API alone.

The hot path only adds one to a number in memory; the exporter's thread reads the numbers. Every
instrument and attribute is described in `docs/metrics.toml`, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from app.counts import Count
from app.model.errors import TokenFault

_POOL_NAME = {"db.client.connection.pool.name": "postgresql"}


_created = Count(
    "shortener.links.created",
    "{link}",
    "Answers to a request to shorten a target",
    "shortener.outcome",
    "created",
    "existing",
)
_resolved = Count(
    "shortener.links.resolved",
    "{link}",
    "Look-ups of a code that could exist",
    "shortener.outcome",
    "found",
    "not_found",
    "unavailable",
)
_process_lookups = Count(
    "shortener.cache.process.lookups",
    "{lookup}",
    "Look-ups in the worker's own cache",
    "shortener.cache.outcome",
    "hit",
    "miss",
)
_redis_lookups = Count(
    "shortener.cache.redis.lookups",
    "{lookup}",
    "Look-ups in Redis",
    "shortener.cache.outcome",
    "hit",
    "miss",
    "error",
    "skipped",
)
_refused = Count(
    "shortener.rate_limit.refused",
    "{request}",
    "Requests refused by a rate limit",
    "shortener.rate_limit.name",
    "general",
    "auth",
    "resolve",
    "passwords",
)
_accounts = Count(
    "shortener.accounts.requests",
    "{request}",
    "What was done with accounts, by outcome",
    "shortener.outcome",
    "signed_up",
    "logged_in",
    "password_changed",
    "logged_out_everywhere",
    "deleted",
    "refused",
)

_ended_early = Count(
    "shortener.connections.ended_early",
    "{connection}",
    "Connections that the server ended before their clients were served",
    "shortener.connection.cause",
    "answer_unread",
    "request_late",
    "scarce",
)

_tokens = Count(
    "shortener.tokens.refused",
    "{request}",
    "Requests refused for their token",
    "shortener.reason",
    *(fault.value for fault in TokenFault),
)
_database_waits = Count(
    "shortener.database.waits",
    "{wait}",
    "Requests that had to wait before PostgreSQL could be asked",
    "shortener.database.awaited",
    "turn",
    "connection",
)
_database_refusals = Count(
    "shortener.database.refused",
    "{request}",
    "Requests refused for PostgreSQL's sake",
    "shortener.reason",
    "breaker",
    "turn",
    "connection",
    "statement",
)

_redis_refusals = Count(
    "shortener.redis.refused",
    "{command}",
    "Commands that Redis refused",
    "shortener.reason",
    "out_of_memory",
    "read_only",
    "other",
)

_preflights = Count(
    "shortener.cors.preflights",
    "{request}",
    "Preflights of browsers, by whether the origin is allowed",
    "shortener.outcome",
    "allowed",
    "refused",
)

_transferred = Count(
    "shortener.transfers.links",
    "{link}",
    "Links that exports gave and imports brought, by what became of them",
    "shortener.outcome",
    "exported",
    "imported",
    "unchanged",
    "refused",
)

_breakers: dict[str, Callable[[], bool]] = {}
_pool: list[Callable[[], Mapping[str, int]]] = []
_waiting: list[Callable[[], Mapping[str, int]]] = []


def record_created(*, new: bool) -> None:
    """Count an answer that gave a short code."""
    _created.add("created" if new else "existing")


def record_resolved(outcome: str) -> None:
    """Count a look-up: `found`, `not_found` or `unavailable`."""
    _resolved.add(outcome)


def record_process_lookup(*, hit: bool) -> None:
    """Count a look-up in the worker's own cache."""
    _process_lookups.add("hit" if hit else "miss")


def record_redis_lookup(outcome: str) -> None:
    """Count a look-up in Redis: `hit`, `miss`, `error`, or `skipped` while it is away."""
    _redis_lookups.add(outcome)


def record_refused(limit: str) -> None:
    """Count a refusal by the limit `general`, `auth`, `resolve` or `passwords`."""
    _refused.add(limit)


def record_account(outcome: str) -> None:
    """Count what was done with an account; `refused`: a signup, or a wrong password."""
    _accounts.add(outcome)


def record_connection_ended(cause: str) -> None:
    """Count a connection ended early: `answer_unread`, `request_late` or `scarce`."""
    _ended_early.add(cause)


def record_token_refused(fault: TokenFault) -> None:
    """Count a request that came without a token it needs, or with a wrong one."""
    _tokens.add(fault.value)


def record_database_wait(awaited: str) -> None:
    """Count a request that has to wait for a `turn` or for a `connection`."""
    _database_waits.add(awaited)


def record_database_refusal(reason: str) -> None:
    """Count a refusal: the `breaker` was open, no `turn`, no `connection`, or the `statement`."""
    _database_refusals.add(reason)


def record_redis_refusal(reason: str) -> None:
    """Count a command that Redis refused: it is `out_of_memory`, `read_only`, or `other`."""
    _redis_refusals.add(reason)


def record_preflight(*, allowed: bool) -> None:
    """Count a browser's question whether a page may ask us."""
    _preflights.add("allowed" if allowed else "refused")


def record_transferred(outcome: str, count: int) -> None:
    """Count links: `exported`, `imported`, `unchanged` or `refused`."""
    _transferred.add(outcome, count)


def observe_breaker(system: str, is_open: Callable[[], bool]) -> None:
    """Report the state of the circuit breaker before `postgresql` or `redis`."""
    _breakers[system] = is_open


def observe_pool(read: Callable[[], Mapping[str, int]]) -> None:
    """Report the connection pool; `read` gives its `idle`, `used`, `max`, `pending`, `timeouts`."""
    _pool[:] = [read]


def observe_database_waiting(read: Callable[[], Mapping[str, int]]) -> None:
    """Report how many requests wait now; `read` gives those for a `turn` and a `connection`."""
    _waiting[:] = [read]


def _observe_waiting(_options: CallbackOptions) -> Iterable[Observation]:
    return [
        Observation(count, {"shortener.database.awaited": awaited})
        for read in _waiting
        for awaited, count in read().items()
    ]


def _observe_breakers(_options: CallbackOptions) -> Iterable[Observation]:
    return [
        Observation(int(is_open()), {"db.system.name": system})
        for system, is_open in _breakers.items()
    ]


def _observe_connections(_options: CallbackOptions) -> Iterable[Observation]:
    return [
        Observation(numbers[state], {**_POOL_NAME, "db.client.connection.state": state})
        for numbers in (read() for read in _pool)
        for state in ("idle", "used")
    ]


def _pool_number(key: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(read()[key], _POOL_NAME) for read in _pool]

    return observe


_meter = get_meter("app")
_meter.create_observable_gauge(
    "shortener.circuit_breaker.open",
    callbacks=[_observe_breakers],
    unit="{breaker}",
    description="1 while a dependency is not asked because it did not answer",
)
_meter.create_observable_up_down_counter(
    "shortener.database.waiting",
    callbacks=[_observe_waiting],
    unit="{request}",
    description="Requests that wait before PostgreSQL can be asked",
)
_meter.create_observable_up_down_counter(
    "db.client.connection.count",
    callbacks=[_observe_connections],
    unit="{connection}",
    description="Connections of the pool by state",
)
_meter.create_observable_up_down_counter(
    "db.client.connection.max",
    callbacks=[_pool_number("max")],
    unit="{connection}",
    description="Connections that the pool may hold",
)
_meter.create_observable_up_down_counter(
    "db.client.connection.pending_requests",
    callbacks=[_pool_number("pending")],
    unit="{request}",
    description="Requests that wait for a connection",
)
_meter.create_observable_counter(
    "db.client.connection.timeouts",
    callbacks=[_pool_number("timeouts")],
    unit="{timeout}",
    description="Waits for a connection that ended without one",
)
