"""`make run` as the person at the terminal sees it."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import psutil
import pytest
import requests

from local.ports import LOOPBACK, free_port, is_free
from local.process import Process
from tests.harness.servers import Database, Valkey

ROOT = Path(__file__).resolve().parents[2]
START_S = 40.0
STOP_S = 20.0
pytestmark = pytest.mark.timeout(120)


class LocalRun:
    """A `python -m local` (or another command) with a port and a data folder of its own."""

    def __init__(self, folder: Path, command: list[str] | None = None, **settings: str) -> None:
        """Settle the run; `settings` are variables of its environment."""
        self.port = free_port()
        self.folder = folder
        self._command = command or [sys.executable, "-m", "local"]
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            "LOCAL_DIR": str(folder),
            **settings,
        }
        self._output = Path(tempfile.mkstemp(prefix="local-run-")[1])
        self._process: Process | None = None

    def __enter__(self) -> Self:
        """Launch, without waiting for anything."""
        with self._output.open("ab") as output:
            self._process = Process(self._command, stdout=output, env=self.environment, cwd=ROOT)
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what is left, also of what a killed run left behind."""
        if self.process.running:
            self.process.kill()
        for process in self.processes():
            process.kill()
        self._output.unlink()

    @property
    def process(self) -> Process:
        """The process of the command itself."""
        assert self._process is not None
        return self._process

    @property
    def url(self) -> str:
        """Where the service answers."""
        return f"http://{LOOPBACK}:{self.environment['PORT']}"

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return self._output.read_text()

    def await_start(self) -> Self:
        """Wait for the lines that say that everything runs."""
        deadline = time.monotonic() + START_S
        while "Try " not in self.output:
            assert self.process.running, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)
        return self

    def processes(self) -> list[psutil.Process]:
        """List the service and the servers, found by the folder that they were told."""
        found = []
        for process in psutil.process_iter():
            try:
                told = process.environ().get("LOCAL_DIR", "")
                # PostgreSQL writes its titles over its environment.
                told += f" {process.cwd()}"
            except psutil.Error:
                continue
            if str(self.folder) in told:
                found.append(process)
        return found


StartRun = Callable[..., LocalRun]


@pytest.fixture
def start_run(tmp_path: Path) -> Iterator[StartRun]:
    """Launch runs that end with the test, all on one data folder unless told otherwise."""
    with ExitStack() as stack:

        def start(command: list[str] | None = None, **settings: str) -> LocalRun:
            run = LocalRun(tmp_path / "data", command, **settings)
            return stack.enter_context(run)

        yield start


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """Have one run for the tests that leave it as it is."""
    with LocalRun(tmp_path_factory.mktemp("running")) as run:
        yield run.await_start()


def shorten(run: LocalRun, url: str) -> str:
    """Create a link and return its code."""
    answer = requests.post(f"{run.url}/api/", json={"url": url}, timeout=10)
    assert answer.status_code == 201, answer.text
    code: str = answer.json()["short_code"]
    return code


def resolve(run: LocalRun, code: str) -> str:
    """Return what a code leads to."""
    answer = requests.get(f"{run.url}/api/{code}", timeout=10)
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["url"]
    return url


def gone(processes: list[psutil.Process]) -> bool:
    """Wait until the processes ended."""
    deadline = time.monotonic() + STOP_S
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_command_that_it_proposes_creates_a_link(running: LocalRun) -> None:
    (line,) = re.findall(r"Try +(.*)", running.output)
    done = subprocess.run(shlex.split(line), check=True, capture_output=True, timeout=10)

    assert b'"short_code"' in done.stdout


def test_it_says_where_both_servers_are(running: LocalRun) -> None:
    lines = re.findall(r"(PostgreSQL|Valkey) +127\.0\.0\.1:(\d+), data in", running.output)
    places = dict(lines)

    assert set(places) == {"PostgreSQL", "Valkey"}
    assert not any(is_free(int(port)) for port in places.values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(start_run: StartRun, number: int) -> None:
    run = start_run().await_start()
    processes = run.processes()
    assert len(processes) > 4  # the run, gunicorn and its workers, PostgreSQL's, Valkey

    run.process.send(number)

    assert run.process.wait(STOP_S) == 0
    assert gone(processes)
    assert is_free(run.port)


def test_a_signal_during_the_start_ends_everything(start_run: StartRun) -> None:
    run = start_run()
    while not (run.folder / "postgresql").exists():
        time.sleep(0.01)

    run.process.send(signal.SIGINT)

    assert run.process.wait(STOP_S) == 0
    assert run.processes() == []


def test_after_a_ctrl_c_the_next_run_has_the_links_and_takes_the_tokens(
    start_run: StartRun,
) -> None:
    run = start_run().await_start()
    code = shorten(run, "https://example.com/kept")
    user = {"email": "one@example.com", "password": "correct horse"}
    token = requests.post(f"{run.url}/api/signup", json=user, timeout=10).json()["token"]
    assert run.process.stop(signal.SIGINT, STOP_S) == 0

    following = start_run().await_start()

    bearer = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{following.url}/api/user/urls", headers=bearer, timeout=10)
    assert answer.status_code == 200
    assert resolve(following, code) == "https://example.com/kept"


def test_after_a_kill_the_next_run_ends_what_was_left_and_works(start_run: StartRun) -> None:
    run = start_run().await_start()
    code = shorten(run, "https://example.com/orphaned")
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait(STOP_S)
    orphans = run.processes()
    assert orphans

    following = start_run(PORT=str(run.port)).await_start()

    assert gone(orphans)
    assert resolve(following, code) == "https://example.com/orphaned"


def test_after_a_kill_of_everything_the_next_run_works(start_run: StartRun) -> None:
    run = start_run().await_start()
    code = shorten(run, "https://example.com/crashed")
    run.process.kill()
    assert gone(run.processes())
    # What a reused pid looks like: the stale file names a living process of our own.
    pidfile = run.folder / "postgresql" / "data" / "postmaster.pid"
    lines = pidfile.read_text().splitlines()
    pidfile.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))

    following = start_run().await_start()

    assert resolve(following, code) == "https://example.com/crashed"


def test_a_second_run_says_that_there_is_one(running: LocalRun) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "local"],
        check=False,
        cwd=ROOT,
        env={**running.environment, "PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=STOP_S,
    )

    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert running.url in second.stderr
    assert requests.get(f"{running.url}/healthz", timeout=10).ok


def test_a_taken_port_is_said_in_one_line(start_run: StartRun) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = str(taken.getsockname()[1])

        run = start_run(PORT=port)

        assert run.process.wait(STOP_S) == 1
    assert run.output.count("\n") == 1
    assert f"port {port} is taken" in run.output


def test_wrong_settings_are_all_said_before_anything_starts(start_run: StartRun) -> None:
    run = start_run(WEB_CONCURRENCY="many", REDIRECT_STATUS="200")

    assert run.process.wait(STOP_S) == 3
    assert re.findall(r"^[A-Z_]+(?=: held)", run.output, re.M) == [
        "WEB_CONCURRENCY",
        "REDIRECT_STATUS",
    ]
    assert not (run.folder / "postgresql").exists()


def test_servers_that_are_given_are_used(
    start_run: StartRun, database: Database, valkey: Valkey
) -> None:
    run = start_run(**database.environment, **valkey.environment()).await_start()

    code = shorten(run, "https://example.com/given")

    assert not (run.folder / "postgresql").exists()
    assert not (run.folder / "valkey").exists()
    with database.connect() as connection:
        rows = connection.execute("SELECT count(*) FROM urls WHERE id = %s", [code]).fetchone()
    assert rows == (1,)


def test_a_server_that_ends_is_started_again(running: LocalRun) -> None:
    pid = int((running.folder / "postgresql" / "data" / "postmaster.pid").read_text().split()[0])
    code = shorten(running, "https://example.com/again")

    os.kill(pid, signal.SIGQUIT)

    assert gone([psutil.Process(pid)] if psutil.pid_exists(pid) else [])
    deadline = time.monotonic() + STOP_S
    while not requests.get(f"{running.url}/api/health", timeout=10).ok:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert resolve(running, code) == "https://example.com/again"


def test_a_silent_client_does_not_hold_the_end(start_run: StartRun) -> None:
    run = start_run().await_start()

    with socket.create_connection((LOOPBACK, run.port)):
        run.process.send(signal.SIGINT)
        assert run.process.wait(STOP_S) == 0


@pytest.mark.skipif(not (ROOT / ".venv" / ".installed").exists(), reason="not made by make")
def test_make_run_passes_a_terminals_ctrl_c_on(start_run: StartRun) -> None:
    # As a terminal does it: to make and to what it runs at once. -o: this is not about installing.
    run = start_run(["make", "-o", ".venv/.installed", "run"]).await_start()
    processes = run.processes()

    os.killpg(run.process.pid, signal.SIGINT)

    run.process.wait(STOP_S)
    assert gone(processes)
