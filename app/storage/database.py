"""PostgreSQL, asked one statement at a time, in which every wait is bounded."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import psycopg

from app import metrics
from app.config import PostgresSettings
from app.model.errors import DatabaseUnavailable
from app.model.worker_reports import DependencyState
from app.storage.breaker import CircuitBreaker
from app.storage.complaints import Complaints
from app.storage.connections import CONNECTION_WAIT, REPLY_WAIT, BoundedConnection, Row
from app.storage.pool import NoConnection, Pool
from app.storage.retries import Failure, Remedy, failure_of
from app.storage.statements import Statement
from app.storage.turns import Turns

log = logging.getLogger(__name__)

_PROBE_WAIT = 1.5
_PROBE_INTERVAL = 0.5
R = TypeVar("R")

_NO_TURN = "no turn in time: as many statements as may run at once were running"


class Database:
    """Run statements, each in its own transaction or several in one, on pooled connections.

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
        text, values, prepare = statement.text, statement.values(parameters), statement.prepare
        return self._in_turn(
            lambda connection: connection.rows(text, values, prepare=prepare),
            repeatable=repeatable,
            aside=aside,
        )

    def transaction(self, work: Callable[[BoundedConnection], R]) -> R:
        """Do several statements in one transaction; errors as for `rows`.

        Work that a broken connection ended is done again, and may find itself done already: it
        looks. Nothing but the database may be waited for in it.
        """

        def do(connection: BoundedConnection) -> R:
            with connection.transaction():
                return work(connection)

        return self._in_turn(do, repeatable=True)

    def serves(self, ask: Callable[[BoundedConnection, float], object], deadline: float) -> bool:
        """Tell whether `ask(connection, deadline)` succeeds by then; it may be asked again.

        What fails is said, in the words that a request would be refused with.
        """
        if self.breaker.is_open:
            return False
        again = {Remedy.AGAIN, Remedy.AGAIN_IF_REPEATABLE}
        tries = self._pool.size + 1
        while (failure := self._try(ask, deadline)) is not None:
            tries -= 1
            if tries == 0 or failure.remedy not in again or time.monotonic() > deadline:
                self._complaints.say("PostgreSQL does not serve requests", failure.cause)
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

    def _in_turn(
        self, do: Callable[[BoundedConnection], R], *, repeatable: bool, aside: bool = False
    ) -> R:
        if self.breaker.is_open:
            metrics.record_database_refusal("breaker")
            raise DatabaseUnavailable(self.breaker.cause)
        if aside:
            return self._run(do, repeatable=repeatable)
        if not self._turns.take():
            raise self._refusal("turn", _NO_TURN)
        try:
            return self._run(do, repeatable=repeatable)
        finally:
            self._turns.give_back()

    def _run(self, do: Callable[[BoundedConnection], R], *, repeatable: bool) -> R:
        deadline = time.monotonic() + CONNECTION_WAIT
        # One stale session after the other may be met, but no more than there are.
        tries = self._pool.size + 1
        while True:
            tries -= 1
            connection = self._connection(deadline)
            try:
                return do(connection)
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
        """Find out whether there is a server that answers; raise NoConnection if not."""
        deadline = time.monotonic() + _PROBE_WAIT
        while (failure := self._try(_ping, deadline)) is not None:
            if failure.remedy is not Remedy.AGAIN_IF_REPEATABLE or time.monotonic() > deadline:
                raise NoConnection(failure.cause, away=True)

    def _try(
        self, ask: Callable[[BoundedConnection, float], object], deadline: float
    ) -> Failure | None:
        """Ask on one connection, outside of the turns; return what went wrong."""
        try:
            connection = self._pool.take_unused(deadline)
        except NoConnection as error:
            return Failure(error.cause, Remedy.NONE)
        connection.reply_wait = max(0.001, deadline - time.monotonic())
        try:
            ask(connection, deadline)
        except psycopg.Error as error:
            return failure_of(error, connection)
        finally:
            connection.reply_wait = REPLY_WAIT
            self._pool.give_back(connection, used=False)
        return None


def _ping(connection: BoundedConnection, _deadline: float) -> None:
    connection.execute("SELECT 1")


def _probe_cause(error: Exception) -> str:
    return error.cause if isinstance(error, NoConnection) else type(error).__name__
