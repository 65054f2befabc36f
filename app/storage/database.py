"""PostgreSQL, asked one statement at a time, in which every wait is bounded."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

import psycopg

from app import metrics
from app.config import PostgresSettings
from app.model.errors import DatabaseUnavailable
from app.model.worker_reports import DependencyState
from app.storage.breaker import CircuitBreaker
from app.storage.causes import database_cause
from app.storage.complaints import Complaints
from app.storage.connections import CONNECTION_WAIT, REPLY_WAIT, BoundedConnection, Row
from app.storage.pool import NoConnection, Pool
from app.storage.retries import Failure, Remedy, failure_of, is_broken
from app.storage.statements import Statement
from app.storage.turns import Turns

log = logging.getLogger(__name__)

_HEALTH_WAIT = 1.5
_PROBE_INTERVAL = 0.5
_NO_TURN = "no turn in time: as many statements as may run at once were running"


class Database:
    """Run single statements, each in its own transaction, on pooled connections.

    `concurrent` bounds the threads inside (turns.py); pool.py holds the connections, retries.py
    knows which failures a second try mends, and behind the breaker nothing is asked. Errors are
    DatabaseUnavailable, or psycopg.IntegrityError for a violated constraint and
    psycopg.errors.ProgramLimitExceeded for a value that an index cannot take.
    """

    def __init__(self, settings: PostgresSettings, *, concurrent: int) -> None:
        self._complaints = Complaints(log)
        self._turns = Turns(concurrent, self._complaints)
        self.breaker = CircuitBreaker(
            "PostgreSQL", self._probe, _PROBE_INTERVAL, describe=_probe_cause
        )
        self._pool = Pool(settings, self._complaints, lambda: self.breaker.is_open)

    def open(self) -> None:
        """Start the pool's threads, which connect in the background; call it after the fork."""
        self._pool.open()

    def close(self) -> None:
        """End the probing and close the connections."""
        self.breaker.stop()
        self._pool.close()

    def rows(
        self,
        statement: Statement,
        parameters: Mapping[str, object],
        *,
        repeatable: bool,
        aside: bool = False,
    ) -> list[Row]:
        """Return the rows of one statement.

        A `repeatable` statement is run again when its connection turns out to be broken: after
        a restart of the server every pooled connection is. One that is run `aside` is of the
        service's own threads: it takes no turn from a request.
        """
        if self.breaker.is_open:
            metrics.record_database_refusal("breaker")
            raise DatabaseUnavailable(self.breaker.cause)
        if aside:
            return self._run(statement.text, statement.values(parameters), repeatable=repeatable)
        if not self._turns.take():
            raise self._refusal("turn", _NO_TURN)
        try:
            return self._run(statement.text, statement.values(parameters), repeatable=repeatable)
        finally:
            self._turns.give_back()

    def is_healthy(self) -> bool:
        """Tell within a second and a half whether PostgreSQL answers."""
        if self.breaker.is_open:
            return False
        try:
            self._probe()
        except (psycopg.Error, NoConnection):
            return False
        return True

    def statistics(self) -> Mapping[str, int]:
        """Return the pool's numbers, as `metrics.observe_pool` wants them."""
        return self._pool.statistics()

    def state(self) -> DependencyState:
        """Return how PostgreSQL is seen from here."""
        return self.breaker.state(self._complaints)

    @property
    def address(self) -> str | None:
        """Return from where PostgreSQL was last reached over TCP."""
        return self._pool.address

    def waiting(self) -> Mapping[str, int]:
        """Return how many requests wait now, as `metrics.observe_database_waiting` wants it."""
        return {"turn": self._turns.waiting, "connection": self._pool.waiting()}

    def _run(self, text: str, values: Sequence[object], *, repeatable: bool) -> list[Row]:
        deadline = time.monotonic() + CONNECTION_WAIT
        # One stale session after the other may be met, but no more than there are.
        tries = self._pool.size + 1
        while True:
            tries -= 1
            connection = self._connection(deadline)
            try:
                return connection.rows(text, values)
            except (psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded):
                raise
            except psycopg.Error as error:
                failure = failure_of(error, connection)
            finally:
                self._pool.give_back(connection)
            self._judge(failure, repeatable=repeatable, deadline=deadline, last=tries == 0)

    def _judge(self, failure: Failure, *, repeatable: bool, deadline: float, last: bool) -> None:
        """Return if the statement may be run again; else raise DatabaseUnavailable."""
        late = time.monotonic() > deadline
        broken = failure.remedy is Remedy.AGAIN_IF_REPEATABLE
        if failure.remedy is Remedy.OTHER_SERVER:
            self._pool.renew()
        elif broken and late:
            self.breaker.failed(failure.cause)
        elif broken and repeatable and not late:
            return
        elif failure.remedy is Remedy.AGAIN and not late and not last:
            self._complaints.say("PostgreSQL is asked once more", failure.cause)
            return
        raise self._refusal("statement", failure.cause)

    def _connection(self, deadline: float) -> BoundedConnection:
        try:
            return self._pool.take(deadline)
        except NoConnection as error:
            if error.away:
                self.breaker.failed(error.cause)
            raise self._refusal("connection", error.cause) from None

    def _refusal(self, reason: str, cause: str) -> DatabaseUnavailable:
        metrics.record_database_refusal(reason)
        if not self.breaker.is_open:  # which has said so itself
            self._complaints.say("PostgreSQL refused a statement", cause)
        return DatabaseUnavailable(cause)

    def _probe(self) -> None:
        deadline = time.monotonic() + _HEALTH_WAIT
        while not self._answers(deadline):
            pass

    def _answers(self, deadline: float) -> bool:
        """Ask on one connection; False means that it was stale and another may answer."""
        connection = self._pool.take_unused(deadline)
        connection.reply_wait = max(0.001, deadline - time.monotonic())
        try:
            connection.execute("SELECT 1")
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if time.monotonic() < deadline and is_broken(error, connection):
                return False
            raise
        finally:
            connection.reply_wait = REPLY_WAIT
            self._pool.give_back(connection, used=False)
        return True


def _probe_cause(error: Exception) -> str:
    if isinstance(error, NoConnection):
        return error.cause
    return database_cause(error) if isinstance(error, psycopg.Error) else type(error).__name__
