"""What Prometheus is shown under each fault, and which alerts may be on then: these and no other.

Two tasks of one worker each, under everyday traffic for an hour; in between a fault
lasts for twenty minutes. Only what the fault changes is written down for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STEP = 30
"""Seconds between two exports, and two values."""
BEGINS, ENDS, LENGTH = 20, 60, 131
"""Of the fault and of the whole, in steps."""
WORKERS = ("task-a-0", "task-b-0")
GONE = "_"
"""No value: the series is not there."""

BURNS = {"AvailabilityFastBurn", "AvailabilitySlowBurn"}


def answers(method: str, route: str, status: int) -> str:
    """Name the series that counts answers."""
    return (
        "http_server_request_duration_seconds_count"
        f'{{http_request_method="{method}", http_route="{route}",'
        f' http_response_status_code="{status}"}}'
    )


def quick(route: str) -> str:
    """Name the series that counts the resolves within 100 ms."""
    return (
        "http_server_request_duration_seconds_bucket"
        f'{{http_request_method="GET", http_route="{route}",'
        ' http_response_status_code="302", le="0.1"}'
    )


def statements(error: str = "") -> str:
    """Name the series that counts statements, those that failed by their error."""
    failed = f', error_type="{error}"' if error else ""
    return f'db_client_operation_duration_seconds_count{{db_operation_name="INSERT"{failed}}}'


def waits(awaited: str) -> str:
    """Name the series that counts waits before PostgreSQL."""
    return f'shortener_database_waits_total{{shortener_database_awaited="{awaited}"}}'


def reasons(name: str, reason: str) -> str:
    """Name a counter of refusals by reason."""
    return f'shortener_{name}_refused_total{{shortener_reason="{reason}"}}'


def breaker(system: str) -> str:
    """Name the series that tells whether a breaker is open."""
    return f'shortener_circuit_breaker_open{{db_system_name="{system}"}}'


def lines_dropped(reason: str) -> str:
    """Name the series that counts lines that Loki did not get."""
    return f'telemetry_loki_lines_dropped_total{{reason="{reason}"}}'


def failing(signal: str) -> str:
    """Name the series that tells whether exports fail."""
    return f'telemetry_export_failing{{signal="{signal}"}}'


VISIT, CREATED = answers("GET", "/<code>", 302), answers("POST", "/api/", 201)
FAILED = answers("POST", "/api/", 503)
LISTED, UNLISTED = (answers("GET", "/api/user/urls", status) for status in (200, 401))
PREFLIGHTS, REFUSED_ORIGINS = (
    f'shortener_cors_preflights_total{{shortener_outcome="{outcome}"}}'
    for outcome in ("allowed", "refused")
)
VISITS_WRITTEN, VISITS_LOST = (
    f'shortener_visits_written_total{{shortener_outcome="{outcome}"}}'
    for outcome in ("written", "lost")
)
OLDEST_VISIT = "shortener_visits_oldest_age_seconds"
UNWRITTEN = "telemetry_stdout_lines_unwritten_total"
REPORT = "telemetry_report_time_seconds"
MEMORY = "process_memory_usage_bytes"

# Counters: what they grow by from one export to the next. GONE: not there before the fault.
COUNTERS: Mapping[str, float | str] = {
    VISIT: 100,
    quick("/<code>"): 100,
    CREATED: 10,
    LISTED: 5,
    statements(): 15,
    **{waits(awaited): 0 for awaited in ("turn", "connection")},
    **{reasons("database", each): 0 for each in ("breaker", "turn", "connection", "statement")},
    **{reasons("tokens", each): 0 for each in ("signature", "not_yet_valid")},
    reasons("tokens", "expired"): 1,
    **{reasons("redis", each): 0 for each in ("out_of_memory", "read_only", "other")},
    **{lines_dropped(each): 0 for each in ("queue_full", "unreachable", "unavailable", "refused")},
    UNWRITTEN: 0,
    VISITS_WRITTEN: 100,
    VISITS_LOST: 0,
    PREFLIGHTS: 1,
    REFUSED_ORIGINS: 0,
}
# States: what they are. The clock is what it is off by.
STATES: Mapping[str, float] = {
    REPORT: 0,
    MEMORY: 100e6,
    OLDEST_VISIT: 1,
    **{breaker(system): 0 for system in ("postgresql", "redis")},
    **{failing(signal): 0 for signal in ("traces", "metrics", "logs")},
}


@dataclass(frozen=True)
class Fault:
    """A fault: what it changes while it lasts, on which workers, and the alerts it may cause."""

    name: str
    changes: Mapping[str, float | str]
    alerts: set[str]
    workers: tuple[str, ...] = WORKERS
    """Those that the fault hits."""
    collector: str = "1"
    """What `up` of the collector is meanwhile."""


NO_CREATES = {CREATED: 0, FAILED: 10}
SILENT = dict.fromkeys((*COUNTERS, *STATES), GONE)
STUCK = dict.fromkeys(COUNTERS, 0) | {REPORT: "stuck"}
"""A collector goes on showing what a killed worker said last."""

FAULTS = (
    # What doctor did not name.
    Fault(
        "a lock on the table",
        NO_CREATES
        | {statements("QueryCanceled"): 3, waits("turn"): 12}
        | {reasons("database", "turn"): 6, reasons("database", "statement"): 4},
        BURNS | {"StatementsRefused"},
    ),
    Fault(
        "a column that is missing",
        NO_CREATES | {statements("UndefinedColumn"): 10, reasons("database", "statement"): 10},
        BURNS | {"StatementsRefused"},
    ),
    Fault(
        "keys that differ between tasks",
        {LISTED: 2, UNLISTED: 3, reasons("tokens", "signature"): 3},
        {"TokensRefused"},
    ),
    Fault(
        "no table for the visits of this month",
        {VISITS_WRITTEN: 0, OLDEST_VISIT: 600, statements("CheckViolation"): 1},
        {"VisitsWait"},
    ),
    Fault(
        "workers that end while their visits cannot be written",
        {VISITS_LOST: 20},
        {"VisitsLost"},
    ),
    Fault("stdout that takes nothing", {UNWRITTEN: 115}, {"StdoutUnwritten"}),
    Fault(
        "one address for all clients (TRUSTED_PROXIES)",
        {CREATED: 5, answers("POST", "/api/", 429): 5},
        {"ManyRefused"},
    ),
    Fault(
        "an origin that is not ours (CORS)", {PREFLIGHTS: 0, REFUSED_ORIGINS: 4}, {"OriginsRefused"}
    ),
    # PostgreSQL.
    *(
        Fault(
            f"PostgreSQL {how}",
            NO_CREATES
            | {breaker("postgresql"): 1, reasons("database", "breaker"): 9}
            | {reasons("database", "turn"): 3, statements(error): 1}
            | {VISITS_WRITTEN: 0, OLDEST_VISIT: 600},
            BURNS | {"DatabaseAway"},
        )
        for how, error in (
            ("stopped", "AdminShutdown"),
            ("frozen", "OperationalError"),
            ("refusing the password", "OperationalError"),
        )
    ),
    Fault(
        "PostgreSQL without a connection left",
        {CREATED: 5, FAILED: 5, waits("connection"): 8, reasons("database", "connection"): 5},
        BURNS | {"ConnectionTimeouts", "ConnectionPoolFull"},
    ),
    Fault(
        "PostgreSQL read-only after a failover",
        NO_CREATES
        | {statements("ReadOnlySqlTransaction"): 10}
        | {VISITS_WRITTEN: 0, OLDEST_VISIT: 600},
        BURNS | {"StatementsRefused", "VisitsWait"},
    ),
    # Redis: nobody is woken.
    Fault("Redis stopped", {breaker("redis"): 1}, {"RedisAway"}),
    Fault("Redis frozen", {breaker("redis"): 1}, {"RedisAway"}),
    Fault("Redis full", {reasons("redis", "out_of_memory"): 15}, {"RedisRefuses"}),
    # Telemetry's peers.
    Fault("the collector stopped or hanging", SILENT, {"ScrapeFailing"}, collector="0"),
    Fault(
        "the collector out of a task's reach",
        SILENT,
        {"WorkerSilent"},
        workers=WORKERS[:1],
    ),
    Fault("the collector out of reach of all", SILENT, {"WorkerSilent", "NoMetrics"}),
    Fault("the collector refusing spans", {failing("traces"): 1}, {"ExportsFailing"}),
    *(
        Fault(
            f"Loki: {how}",
            {lines_dropped(reason): 115, failing("logs"): 1},
            {"LogLinesDropped", "ExportsFailing"},
        )
        for how, reason in (
            ("429 or 500", "unavailable"),
            ("400 or 404", "refused"),
            ("no answer, or no address", "unreachable"),
        )
    ),
    # The task's own.
    Fault(
        "a clock ahead",
        {REPORT: 120, UNLISTED: 3, reasons("tokens", "not_yet_valid"): 3},
        {"ClockOff", "TokensRefused"},
        workers=WORKERS[:1],
    ),
    Fault("a clock behind", {REPORT: -600}, {"ClockOff"}, workers=WORKERS[:1]),
    Fault("memory that grows", {MEMORY: 400e6}, {"MemoryHigh"}, workers=WORKERS[:1]),
    Fault(
        "slow resolves",
        {quick("/<code>"): 20},
        {"LatencyFastBurn", "LatencySlowBurn"},
    ),
)

# Near a fault, and none.
NEIGHBOURS = (
    Fault("all is well", {}, set()),
    Fault("a page of a stranger's", {REFUSED_ORIGINS: 2}, set()),
    Fault("names that are taken", {statements("UniqueViolation"): 10}, set()),
    Fault(
        "a stranger guessing tokens",
        {UNLISTED: 0.4, reasons("tokens", "signature"): 0.4},
        set(),
        workers=WORKERS[:1],
    ),
    Fault("everybody's tokens at their end", {reasons("tokens", "expired"): 9, UNLISTED: 9}, set()),
    Fault(
        "one client over its limit",
        {answers("POST", "/api/", 429): 1},
        set(),
        workers=WORKERS[:1],
    ),
    Fault(
        "a task that ended, and said so",
        dict.fromkeys(COUNTERS, 0) | dict.fromkeys(STATES, 0) | {REPORT: "ended"},
        set(),
        workers=WORKERS[:1],
    ),
    # Five minutes are what a collector goes on showing it without a word from us.
    Fault(
        "a task killed while it could not reach PostgreSQL",
        STUCK | {breaker("postgresql"): 1, failing("traces"): 1, MEMORY: 400e6},
        {"WorkerSilent"},
        workers=WORKERS[:1],
    ),
    Fault(
        "a night with few requests, one of them failed",
        {VISIT: 1, quick("/<code>"): 1, CREATED: 0, LISTED: 0, statements(): 0, FAILED: 0.04},
        set(),
        workers=WORKERS[:1],
    ),
)
