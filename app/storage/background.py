"""What a worker does beside its requests, on a thread and a connection of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

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

    def __init__(self, settings: PostgresSettings, jobs: Sequence[Job]) -> None:
        self._settings = settings
        self._jobs = jobs
        self._complaints = Complaints(log)
        self._session = Session(settings.session_settings, complaints=self._complaints)
        self._connection: BoundedConnection | None = None
        self._stopped = threading.Event()
        self._failing = False
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
        try:
            for job in self._jobs:
                job(self._connected())
        except psycopg.Error as error:
            self._failed(error)
        except Exception:
            # Whatever it is, the next round may do better, and without rounds nothing is believed.
            log.exception("The background's work failed")
        else:
            if self._failing:
                log.warning("Changes of links are read again")
            self._failing = False

    def _connected(self) -> BoundedConnection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._settings, self._session)
            self._connection.reply_wait = _REPLY_WAIT
        return self._connection

    def _failed(self, error: psycopg.Error) -> None:
        self._complaints.say("Changes of links cannot be read", database_cause(error))
        self._failing = True
        if self._connection is not None:
            self._connection.close()
