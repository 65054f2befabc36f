"""The service as production runs it: gunicorn in processes of its own."""

import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import requests

from local.ports import LOOPBACK, free_port
from local.process import Process
from tests.harness.forked import ForkedProcess

ROOT = Path(__file__).resolve().parents[2]
READY_S = 20.0
STOP_S = 55.0  # 30 s drain + 15 s flush, and some for a busy machine
_POLL_S = 0.02

# Enough for a start; a test's own settings win, and None takes a name away.
DEFAULTS: Mapping[str, str] = {
    "ENV": "local",
    "JWT_SECRET": "a-secret-of-the-tests-0123456789abcdef",
    "RATE_LIMIT_ENABLED": "false",
    "WEB_CONCURRENCY": "1",
}


class ServiceError(Exception):
    """The service did not become ready, or did not end; the text holds what it printed."""


class Service:
    """One gunicorn with its workers; `with Service(env)` starts it and surely ends it."""

    def __init__(
        self,
        environment: Mapping[str, str | None] | None = None,
        *,
        app: str = "app.wsgi:app",
        arguments: tuple[str, ...] = (),
        ready: str = "/healthz",
        port: int | None = None,
        fresh: bool = False,
    ) -> None:
        """Settle the command; `ready` is the path that answers 200 once the service serves.

        `fresh`: in a Python of its own from the start, for tests that look at the process itself.
        """
        self.port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.client = requests.Session()
        self.client.trust_env = False
        settings = {**DEFAULTS, "PORT": str(self.port), **(environment or {})}
        self.environment = {name: value for name, value in settings.items() if value is not None}
        self._command = [sys.executable, "-m", "gunicorn", *arguments, app]
        self._ready = ready
        self._kind = Process if fresh else ForkedProcess
        self._folder = tempfile.TemporaryDirectory(prefix="service-")
        self._stdout = Path(self._folder.name, "stdout")
        self._stderr = Path(self._folder.name, "stderr")
        self._output_lines = _Lines(self._stdout)
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """The gunicorn master with its workers; ServiceError before the first start."""
        if self._process is None:
            message = "the service was never started"
            raise ServiceError(message)
        return self._process

    @property
    def workers(self) -> list[int]:
        """The pids of the workers alive now."""
        return self.process.children()

    @property
    def stdout(self) -> str:
        """Everything printed on stdout so far, over all starts."""
        return self._stdout.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        """Everything printed on stderr so far, over all starts."""
        return self._stderr.read_text(errors="replace")

    @property
    def lines(self) -> list[str]:
        """The finished lines of stdout."""
        return self._output_lines.read()[0]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of stdout that are JSON objects, parsed."""
        return self._output_lines.read()[1]

    def launch(self) -> Self:
        """Start without waiting for anything."""
        # Nothing of the caller's environment but what any program needs: a variable set in a
        # developer's shell must not change what a test shows.
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self._stdout.open("ab") as stdout, self._stderr.open("ab") as stderr:
            self._process = self._kind(
                self._command,
                stdout=stdout,
                stderr=stderr,
                cwd=ROOT,
                env={**env, **self.environment},
            )
        return self

    def start(self) -> Self:
        """Start and wait until the ready path answers 200; ServiceError after 20 s."""
        self.launch()
        try:
            self.await_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def await_ready(self, timeout: float = READY_S) -> None:
        """Wait until the ready path answers 200, or fail with what the service printed."""
        deadline = time.monotonic() + timeout
        while not self._answers():
            if not self.process.running or time.monotonic() > deadline:
                message = f"not ready (exit status {self.process.returncode}):\n{self._output()}"
                raise ServiceError(message)
            time.sleep(_POLL_S)

    def await_record(
        self, matches: Callable[[dict[str, Any]], bool], timeout: float = 10.0
    ) -> dict[str, Any]:
        """Wait for a log record on stdout that matches, and return it."""
        deadline = time.monotonic() + timeout
        while True:
            for record in self.records:
                if matches(record):
                    return record
            if time.monotonic() > deadline:
                message = f"no such record within {timeout} s:\n{self._output()}"
                raise ServiceError(message)
            time.sleep(_POLL_S)

    def stop(self, number: int = signal.SIGTERM, timeout: float = STOP_S) -> int:
        """Signal the master and return its exit status; ServiceError if it had to be killed."""
        # An idle keep-alive connection of ours would hold the worker for two seconds.
        self.client.close()
        status = self.process.stop(number, timeout)
        if status == -signal.SIGKILL:
            message = f"did not end within {timeout} s:\n{self._output()}"
            raise ServiceError(message)
        return status

    def kill(self) -> None:
        """Kill (SIGKILL) the master and its workers."""
        self.client.close()
        self.process.kill()

    def __enter__(self) -> Self:
        """Start and wait until it is ready."""
        return self.start()

    def __exit__(self, kind: object, *_: object) -> None:
        """End it; what it printed stays readable for the test's own report."""
        if kind is not None:
            sys.stderr.write(self._output())
        try:
            if self.process.running:
                self.stop() if kind is None else self.kill()
        finally:
            self.close()

    def close(self) -> None:
        """Kill what still runs and remove the captured output; harmless when repeated."""
        self.client.close()
        if self._process is not None and self._process.running:
            self._process.kill()
        self._folder.cleanup()

    def _answers(self) -> bool:
        try:
            # Most of a start there is nobody to ask: that costs next to nothing to find out.
            socket.create_connection((LOOPBACK, self.port), 2).close()
            # A connection of its own: `client` must not stay connected to a worker.
            answer = requests.get(self.url + self._ready, timeout=2)
        except (OSError, requests.RequestException):
            return False
        return answer.status_code == HTTPStatus.OK

    def _output(self) -> str:
        return f"stdout:\n{self.stdout[-8000:]}\nstderr:\n{self.stderr[-8000:]}\n"


class _Lines:
    """The finished lines of a file that grows, and those that are JSON objects, each read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._lines: list[str] = []
        self._records: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def read(self) -> tuple[list[str], list[dict[str, Any]]]:
        """Return all lines and all records so far."""
        with self._lock, self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read()
            content = content[: content.rfind(b"\n") + 1]
            self._position += len(content)
            lines = content.decode(errors="replace").split("\n")[:-1]
            self._lines += lines
            self._records += [one for one in map(_parsed, lines) if one is not None]
            return self._lines.copy(), self._records.copy()


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
