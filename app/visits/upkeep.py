"""Have the tables of visits looked after, by a process of its own, once a minute."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import threading

from app.model.errors import ServiceError
from app.storage.visit_claims import VisitClaims

log = logging.getLogger(__name__)

INTERVAL = 60.0
"""Seconds between two times, whoever it is that does it."""
LIMIT = 300.0
"""Seconds for one; what is left then goes on the next time."""
_COMMAND = (sys.executable, "-m", "app.commands.look_after_visits")


class Upkeep:
    """A thread that asks for the turn, and runs the command when it has it."""

    def __init__(self, claims: VisitClaims) -> None:
        self._claims = claims
        self.failure = ""
        """What the command said the last time, empty after one that went well."""
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="visits-upkeep", daemon=True)

    def start(self) -> None:
        """Begin; call it after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """End at once; the command ends too, in the middle of a step that is then undone."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()

    def _run(self) -> None:
        # Spread out, or all workers of a deployment would ask in the same moment for ever.
        while not self._stopping.wait(INTERVAL * random.uniform(0.5, 1.0)):  # noqa: S311
            try:
                if self._claims.claim(INTERVAL):
                    self._look_after()
            except ServiceError:
                continue  # said by the database's own log
            except Exception:
                log.exception("The tables of visits could not be looked after")

    def _look_after(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own command
            _COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            said, _ = self._process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            said, _ = self._process.communicate()
        code = self._process.returncode
        self._process = None
        if self._stopping.is_set():
            return
        words = said.decode(errors="replace").strip().rpartition("\n")[2]
        self.failure = (words or f"it ended with status {code}") if code else ""
        if code:
            log.error("Looking after visits failed: %s", words, extra={"exit_status": code})
