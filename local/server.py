"""What the embedded servers share: a folder, a port, a process that may be ended in any way."""

import importlib.util
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from local.ports import LOOPBACK, free_port
from local.process import Process, end_leftover, remember

RECORD = "process.json"
"""The file in a server's folder that tells the next run of its process."""

_START_S = 30.0  # PostgreSQL may have to replay its log after a kill
_STOP_S = 20.0
_POLL_S = 0.02


class ServerError(Exception):
    """A server is missing or did not start; the text says why in one line."""


class NoAnswer(ServerError):
    """A server is not there, not yet, or hangs."""


class Server(ABC):
    """A server with a folder for its data and one port over all its restarts."""

    name: str
    stop_signal: signal.Signals

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        """Settle folder and port (a free one by default); nothing runs before `start`."""
        self.folder = folder.absolute()
        self.port = port or free_port()
        self.log = self.folder / "server.log"
        self._record = self.folder / RECORD
        self._process: Process | None = None

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Return the settings by which the service finds this server."""

    @abstractmethod
    def ping(self) -> None:
        """Ask the server something; NoAnswer if it does not answer within seconds."""

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @property
    def where(self) -> str:
        """What a person is told of it: where it listens, and what else helps."""
        return f"{LOOPBACK}:{self.port}, data in {self.folder}"

    @property
    def _home(self) -> Path:
        """The folder that its process runs in."""
        return self.folder

    @property
    def process(self) -> Process:
        """The running process; ServerError before the first start."""
        if self._process is None:
            message = f"{self.name} was never started"
            raise ServerError(message)
        return self._process

    @property
    def running(self) -> bool:
        """Whether the process is there (a frozen one is)."""
        return self._process is not None and self._process.running

    def start(self) -> Self:
        """Start on the folder's data and wait until it answers; ends a killed run's leftover."""
        self.folder.mkdir(parents=True, exist_ok=True)
        end_leftover(self._record, self.stop_signal, _STOP_S)
        self._prepare()
        with self.log.open("ab") as log:
            self._process = Process(self._command(), stdout=log, cwd=self._home)
        remember(self._record, self._process)
        try:
            self._await_answer(self._process)
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End in order, data written; kills what has not ended after 20 s."""
        if self._process is not None:
            self._process.stop(self.stop_signal, _STOP_S)
        self._record.unlink(missing_ok=True)

    def kill(self) -> None:
        """End at once (SIGKILL), as a crash would."""
        self.process.kill()
        self._record.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it hang: connections are accepted by the kernel and never answered."""
        self.process.freeze()

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self.process.thaw()

    def restart(self) -> None:
        """Stop, then start on the same port and data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        """Start unless it runs."""
        return self if self.running else self.start()

    def __exit__(self, *_: object) -> None:
        """Stop whatever state it is in."""
        self.stop()

    def _await_answer(self, process: Process) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                return self.ping()
            except NoAnswer as error:
                if process.running and time.monotonic() < deadline:
                    time.sleep(_POLL_S)
                    continue
                message = f"{self.name} did not start ({error}); its log is {self.log}"
                raise ServerError(message) from error


def wheel(package: str) -> Path | None:
    """Find the folder of an installed package, None where it is not installed."""
    # Found, not imported: importing these wheels opens lock files and loads clients.
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None
