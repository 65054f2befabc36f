"""A server's process together with everything it spawned."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, ClassVar, Protocol

import psutil

_KILL_WAIT_S = 5.0
_POLL_S = 0.01
_SAME_START_S = 2.0  # the time of boot is given in whole seconds
_STOP_WAIT_S = 2.0
_OVER = frozenset({psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD})
_HELD = _OVER | {psutil.STATUS_STOPPED}


class Started(Protocol):
    """What is used of a process that was started."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""

    def wait(self, timeout: float) -> int:
        """Wait for the exit status, or raise TimeoutExpired."""

    def send_signal(self, number: int, /) -> None:
        """Send a signal, if it still runs."""


class Process:
    """A command in a process group of its own, so that a terminal's Ctrl-C does not reach it."""

    launch: ClassVar[Callable[..., Started]] = subprocess.Popen

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdout: IO[bytes],
        stderr: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start the command; stderr None sends both streams to stdout."""
        self._popen = self.launch(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr or subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self._root = psutil.Process(self.pid)

    @property
    def returncode(self) -> int | None:
        """The exit status, minus the signal's number for a killed one; None while running."""
        return self._popen.poll()

    @property
    def running(self) -> bool:
        """Whether the command has not ended yet."""
        return self.returncode is None

    def children(self) -> list[int]:
        """List the pids of the direct children (a gunicorn master's workers)."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child.pid for child in self._root.children()]
        return []

    def send(self, number: int) -> None:
        """Send a signal to the command alone, if it still runs."""
        self._popen.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Wait for the end and return the exit status; TimeoutExpired after `timeout` seconds."""
        return self._popen.wait(timeout)

    def freeze(self) -> None:
        """Stop (SIGSTOP) the command and its descendants: sockets stay open, nothing answers."""
        _freeze(self._root)

    def thaw(self) -> None:
        """Let a frozen tree run on."""
        _signal(reversed(_tree(self._root)), signal.SIGCONT)

    def strike(self) -> list[psutil.Process]:
        """Kill without waiting, as a signal handler may; return what was killed."""
        tree = _freeze(self._root)
        _signal(tree, signal.SIGKILL)
        return tree

    def kill(self) -> None:
        """Kill (SIGKILL) the command and all descendants, and wait until they are gone."""
        tree = self.strike()
        # Ours to reap first: whoever else waits for a child takes its exit status away.
        self._popen.wait(_KILL_WAIT_S)
        _wait(tree, _KILL_WAIT_S)

    def stop(self, number: int, timeout: float) -> int:
        """Ask to end by a signal, kill what is left after `timeout` seconds, return the status."""
        self.thaw()
        descendants = _tree(self._root)[1:]
        self.send(number)
        try:
            status = self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self.wait(_KILL_WAIT_S)
        # A parent that died by another hand leaves children that end by themselves, or not.
        _signal(_wait(descendants, _KILL_WAIT_S), signal.SIGKILL)
        return status


def remember(record: Path, process: Process) -> None:
    """Write down a process so that a later run can end it, should this one be killed."""
    with contextlib.suppress(psutil.NoSuchProcess):
        text = json.dumps({"pid": process.pid, "started": _started(psutil.Process(process.pid))})
        fresh = record.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(record)


def end_leftover(record: Path, number: int, timeout: float) -> bool:
    """End the process that a killed run left behind; tell whether there was one."""
    try:
        entry = json.loads(record.read_text())
        root = psutil.Process(entry["pid"])
        # A pid is used again by strangers; a pid and a starting time are not.
        same = bool(abs(_started(root) - entry["started"]) < _SAME_START_S)
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        same = False
    if same:
        tree = _tree(root)
        _signal(tree, signal.SIGCONT)
        _signal([root], number)
        _signal(_wait(tree, timeout), signal.SIGKILL)
    record.unlink(missing_ok=True)
    return same


def _started(process: psutil.Process) -> float:
    # Seconds after boot: the time of day may be set anew between two runs.
    return float(process.create_time() - psutil.boot_time())


def _freeze(root: psutil.Process) -> list[psutil.Process]:
    # The root first: frozen, it cannot spawn another process behind the listing's back.
    # By descent, not by process group: each PostgreSQL process leads a group of its own.
    _stop([root])
    tree = _tree(root)
    _stop(tree)
    return tree


def _stop(processes: list[psutil.Process]) -> None:
    """Send SIGSTOP and wait for its effect: a process on another core runs on for a while."""
    _signal(processes, signal.SIGSTOP)
    deadline = time.monotonic() + _STOP_WAIT_S
    while any(_status(process) not in _HELD for process in processes):
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_S)


def _wait(processes: list[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Wait until the processes ended; return those that did not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while alive := [process for process in processes if _alive(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_S)
    return alive


def _alive(process: psutil.Process) -> bool:
    # A zombie is over; in a container whose first process does not reap it stays for ever.
    return _status(process) not in _OVER


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status()) if process.is_running() else psutil.STATUS_DEAD
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD


def _tree(root: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [root, *root.children(recursive=True)]
    return []


def _signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)  # looks first whether the pid is still the same process
