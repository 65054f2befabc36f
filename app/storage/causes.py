"""Why PostgreSQL or Redis refused, in our own words: drivers' messages never reach a log."""

from __future__ import annotations

import psycopg
import redis
from psycopg_pool import PoolTimeout

_RDS_PROXY = "RDS Proxy takes no start parameter `options`: set POSTGRES_SESSION_SETTINGS"
_POOLER = "the pooler takes no such start parameters: set POSTGRES_SESSION_SETTINGS"
_PREPARED = "a prepared statement is gone: behind a pooler, set POSTGRES_PREPARED_STATEMENTS=false"
_OLD_SERVER = "the server does not know a setting of the session"
OPTIONS_REFUSED = frozenset({_RDS_PROXY, _POOLER, _OLD_SERVER})
"""Causes of a connection that was refused for what it sent with its start."""

_MIGRATE = "run `migrate`; if that calls the schema current, `doctor` says what was changed by hand"
DISK_FULL = "the server's disk is full"
OUT_OF_MEMORY = "the server is out of memory"

_BY_SQLSTATE = {
    "08P01": "the protocol was broken, as by a pooler in between",
    "08": "the connection broke",
    "0A000": "the plan of a statement is out of date: a column changed its type",
    "22021": "a text is not in the database's encoding",
    "22P05": "the database's encoding cannot hold a character",
    "26000": _PREPARED,
    "42P05": _PREPARED,
    "40001": "another transaction came in between",
    "40P01": "another transaction and ours waited for each other",
    "57P05": "the server ended a session that had been idle",
    "XX001": "data are damaged on the server's disk",
    "XX002": "an index is damaged on the server's disk",
    "XX000": "an internal error of the server: its own log knows",
    "3F000": "search_path leads to no schema",
    "25006": "the server is read-only (a standby, or a demoted primary)",
    "28": "the user or the password was refused",
    "3D000": "the database does not exist",
    "42501": "the user lacks a privilege",
    "42703": f"a column is missing: {_MIGRATE}",
    "42804": "a column has another type than the service needs",
    "42883": f"a function is missing, or a column has another type: {_MIGRATE}",
    "42P01": f"a table is missing: {_MIGRATE}",
    "53100": DISK_FULL,
    "53200": OUT_OF_MEMORY,
    "53300": "the server has no connection left",
    "53400": "a limit in the server's own settings is reached",
    "53": "the server lacks resources",
    "55P03": "a lock was not available in time",
    "57014": "a statement took too long",
    "57P04": "the database was dropped",
    "58030": "the server cannot read or write its disk (an I/O error)",
    "58P01": "the server misses one of its own files",
    "58": "the server's own machine failed it",
    "57P": "the server is stopping or starting",
}
_BY_TEXT = (
    ("rds proxy currently", _RDS_PROXY),
    ("unsupported startup parameter", _POOLER),
    ("unrecognized configuration parameter", _OLD_SERVER),
    ("no space left", DISK_FULL),
    ("out of memory", OUT_OF_MEMORY),
    ("timeout expired", "no answer in time"),
    ("timed out", "no answer in time"),
    ("timeout", "no answer in time"),
    ("refused", "the connection was refused"),
    ("could not translate host name", "the host name cannot be resolved"),
    ("name or service not known", "the host name cannot be resolved"),
    ("name resolution", "the host name cannot be resolved"),
    ("no address associated", "the host name cannot be resolved"),
    ("too many clients", "the server has no connection left"),
    ("too many connections", "the server has no connection left"),
    ("remaining connection slots", "the server has no connection left"),
    ("password authentication failed", "the user or the password was refused"),
    ("no password supplied", "the user or the password was refused"),
    ("pg_hba.conf", "the server does not admit this client (pg_hba.conf, TLS)"),
    ("does not support ssl", "the server does not offer TLS"),
    ("certificate", "the server's certificate was not accepted"),
    ("ssl", "no TLS connection could be made"),
    ("does not exist", "the database or the user does not exist"),
    ("starting up", "the server is stopping or starting"),
    ("shutting down", "the server is stopping or starting"),
    ("recovery", "the server is stopping or starting"),
    ("no such file", "nothing listens there"),
    ("unreachable", "there is no route to the server"),
    ("closed the connection", "the connection broke"),
    ("reset by peer", "the connection broke"),
    ("closed", "the connection broke"),
)

_BY_KIND: tuple[tuple[type[Exception], str], ...] = (
    (redis.TimeoutError, "no answer in time"),
    (redis.AuthenticationError, "the password was refused, or is missing"),
    (redis.BusyLoadingError, "the server is starting"),
    (redis.OutOfMemoryError, OUT_OF_MEMORY),
    (redis.ReadOnlyError, "the server is read-only (a replica, or a demoted primary)"),
    (redis.exceptions.NoPermissionError, "the user lacks a privilege"),
)


def database_cause(error: psycopg.Error) -> str:
    """Return what an error of psycopg means to the person on call."""
    if isinstance(error, PoolTimeout):
        return "no connection in time"
    state = error.sqlstate or ""
    for length in (5, 3, 2):
        if len(state) == 5 and state[:length] in _BY_SQLSTATE:
            return _BY_SQLSTATE[state[:length]]
    if state:
        return f"SQLSTATE {state}"
    if isinstance(error, psycopg.DataError):
        return "a value could not be sent or read"
    return _by_text(str(error))


def redis_cause(error: Exception) -> str:
    """Return what an error of redis-py, or of the socket below it, means."""
    for kind, cause in _BY_KIND:
        if isinstance(error, kind):
            return cause
    if isinstance(error, redis.ConnectionError):
        return _by_text(str(error))
    return f"an answer of the kind {type(error).__name__}"


def _by_text(message: str) -> str:
    lowered = message.lower()
    for fragment, cause in _BY_TEXT:
        if fragment in lowered:
            return cause
    return "the connection failed"
