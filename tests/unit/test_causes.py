"""Causes: our own words for what drivers say, never the driver's text."""

import psycopg
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from psycopg import errors
from psycopg_pool import PoolTimeout

from app.storage.causes import database_cause, redis_cause

SECRET = "host=10.1.2.3 user=admin password=hunter2"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (errors.ReadOnlySqlTransaction(SECRET), "read-only"),
        (errors.AdminShutdown(SECRET), "stopping or starting"),
        (errors.CrashShutdown(SECRET), "stopping or starting"),
        (errors.QueryCanceled(SECRET), "too long"),
        (errors.TooManyConnections(SECRET), "no connection left"),
        (errors.DiskFull(SECRET), "disk is full"),
        (errors.OutOfMemory(SECRET), "out of memory"),
        (errors.ConfigurationLimitExceeded(SECRET), "own settings"),
        (errors.InsufficientResources(SECRET), "lacks resources"),
        (errors.IoError(SECRET), "cannot read or write its disk"),
        (errors.UndefinedFile(SECRET), "misses one of its own files"),
        (errors.DataCorrupted(SECRET), "data are damaged"),
        (errors.IndexCorrupted(SECRET), "an index is damaged"),
        (errors.DatabaseDropped(SECRET), "database was dropped"),
        (
            errors.UndefinedTable(SECRET),
            "run `migrate`; if that calls",
        ),
        (errors.UndefinedColumn(SECRET), "current, `doctor` says"),
        (errors.UndefinedFunction(SECRET), "current, `doctor` says"),
        (errors.InvalidPassword(SECRET), "password was refused"),
        (errors.InsufficientPrivilege(SECRET), "privilege"),
        (errors.InvalidCatalogName(SECRET), "database does not exist"),
        (errors.ConnectionFailure(SECRET), "connection broke"),
        (errors.LockNotAvailable(SECRET), "lock"),
        (errors.DivisionByZero(SECRET), "SQLSTATE 22012"),
        (PoolTimeout(SECRET), "no connection in time"),
        (psycopg.OperationalError("connection timeout expired"), "no answer in time"),
        (psycopg.OperationalError("connection refused"), "connection was refused"),
        (psycopg.OperationalError("could not translate host name x"), "host name"),
        (psycopg.OperationalError("server does not support SSL"), "TLS"),
        (psycopg.OperationalError("could not write file: No space left on device"), "disk is full"),
        (psycopg.OperationalError("something new"), "the connection failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_cause_of_a_database_error(error: psycopg.Error, cause: str) -> None:
    found = database_cause(error)

    assert cause in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (redis.TimeoutError(SECRET), "no answer in time"),
        (redis.AuthenticationError(SECRET), "the password was refused"),
        (redis.ConnectionError("Error 111 connecting. Connection refused."), "refused"),
        (redis.ConnectionError(SECRET), "the connection failed"),
        (redis.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "memory"),
        (redis.AuthenticationError("Authentication required."), "or is missing"),
        (redis.BusyLoadingError("Loading the dataset in memory"), "is starting"),
        (redis.ReadOnlyError("You can't write against a read only replica."), "read-only"),
        (redis.ResponseError(SECRET), "ResponseError"),
        (OSError(SECRET), "OSError"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_cause_of_a_redis_error(error: Exception, cause: str) -> None:
    found = redis_cause(error)

    assert cause in found
    assert "hunter2" not in found


@given(st.text())
def test_no_text_of_a_driver_gets_through(text: str) -> None:
    marked = f"{text} hunter2 {text}"

    assert "hunter2" not in database_cause(psycopg.OperationalError(marked))
    assert "hunter2" not in redis_cause(redis.ConnectionError(marked))
    assert "hunter2" not in redis_cause(redis.ResponseError(marked))
