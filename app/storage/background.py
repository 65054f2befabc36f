"""What a worker does beside its requests, on a thread and a connection of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

import psycopg
from opentelemetry import context

from app.config import PostgresSettings
from app.storage.causes import database_cause
from app.storage.complaints import Complaints
from app.storage.connections import BoundedConnection, connect
from app.storage.session import Session

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two rounds."""
_REPLY_WAIT = 1.0
_STOP_WAIT = 1.0

Job = Callable[[BoundedConnection], None]


class Background:
    """Run jobs one after the other, again and again, each bounded by the connection's waits.

    The pool is for requests: when they have taken all of it, links that changed must still be
    heard of.
    """

    def __init__(self, settings: PostgresSettings, jobs: Mapping[str, Job]) -> None:
        """Settle the jobs, each under the words that say what is wrong while it fails."""
        self._settings = settings
        self._jobs = jobs
        self._complaints = Complaints(log)
        self._session = Session(settings.session_settings, complaints=self._complaints)
        self._connection: BoundedConnection | None = None
        self._stopped = threading.Event()
        self._failing: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)

    def start(self) -> None:
        """Begin; call it after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """Run the jobs a last time and close the connection, within a second or so."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_WAIT)

    def _run(self) -> None:
        # A span for each look would be a trace of its own, once a second and worker.
        context.attach(context.set_value("suppress_instrumentation", True))
        while True:
            stopping = self._stopped.is_set()
            self._round()
            if stopping:
                break
            self._stopped.wait(INTERVAL)
        if self._connection is not None:
            self._connection.close()

    def _round(self) -> None:
        for words, job in self._jobs.items():
            if not self._do(words, job):
                break

    def _do(self, words: str, job: Job) -> bool:
        """Do a job; tell whether the next one has a chance: the server was there."""
        try:
            job(self._connected())
        except psycopg.Error as error:
            self._failed(words, error)
            return not isinstance(error, psycopg.OperationalError)
        except Exception:
            # Whatever it is, the next round may do better, and without rounds nothing is believed.
            log.exception("%s", words)
            return True
        if words in self._failing:
            self._failing.discard(words)
            log.warning("%s: that is over", words)
        return True

    def _connected(self) -> BoundedConnection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._settings, self._session)
            self._connection.reply_wait = _REPLY_WAIT
        return self._connection

    def _failed(self, words: str, error: psycopg.Error) -> None:
        self._complaints.say(words, database_cause(error))
        self._failing.add(words)
        if self._connection is not None:
            self._connection.close()
