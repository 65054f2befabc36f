"""gunicorn, forked from a Python that has loaded the libraries: a third of what a start costs.

It runs as `python -m gunicorn` would: the same program with its own arguments, environment, folder
and output, in a session of its own. Where only a new interpreter would be the same, because a
variable says something to the linker, to Python or to a library as it is loaded, it becomes one.
What the kernel shows of it (command line, first environment, memory that is its own) is the fork
server's: tests that look there ask for a fresh Python.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from local.process import Process

_POLL_S = 0.01
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.harness.preloaded"])


class Forked:
    """As much of `subprocess.Popen` as our processes use."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdout: IO[bytes],
        stderr: IO[bytes],
        env: Mapping[str, str],
        cwd: Path,
        **_as_always: object,
    ) -> None:
        """Start the command, a module of this Python, in a session of its own."""
        files = [Path(stdout.name), Path(stderr.name)]
        arguments = (list(command), files, dict(env), cwd)
        # A daemon is killed where a Popen would be forgotten: at the end of whoever started it.
        self._process = _CONTEXT.Process(target=_become, args=arguments, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        with self._lock:  # the status can be read once
            return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Wait for the end and return the exit status; TimeoutExpired after so many seconds."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self._process.name, timeout)
            time.sleep(_POLL_S)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


class ForkedProcess(Process):
    """One that was forked instead of started."""

    launch = Forked


def _become(command: list[str], files: list[Path], environment: dict[str, str], cwd: Path) -> None:
    """Become the command, in the process that was forked for it."""
    python, dash_m, module, *arguments = command
    assert dash_m == "-m"
    os.setsid()
    os.chdir(cwd)
    appending = os.O_WRONLY | os.O_APPEND
    for number, path, flags in (
        (0, Path(os.devnull), os.O_RDONLY),
        (1, files[0], appending),
        (2, files[1], appending),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if _needs_its_own_python(environment):
        os.execve(python, command, environment)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = str(cwd)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _needs_its_own_python(environment: Mapping[str, str]) -> bool:
    from tests.harness.preloaded import LOOKED_AT  # noqa: PLC0415  # only the fork server may

    return any(name.startswith(("PYTHON", "LD_", "MALLOC_")) for name in environment) or any(
        environment.get(name) != value for name, value in LOOKED_AT.items()
    )
