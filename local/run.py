"""Run the whole service on this machine, with whatever servers it lacks."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

from app.config import SHORTEST_JWT_SECRET, Settings, SettingsError
from app.environment import Environment
from local.folder import DataFolder, FolderInUse
from local.ports import LOOPBACK, is_free
from local.postgresql import PostgreSQL
from local.process import Process, end_leftover, remember
from local.server import RECORD, Server, ServerError
from local.valkey import Valkey

ROOT = Path(__file__).resolve().parents[1]
_READY_S = 30.0
_STOP_S = 55.0  # gunicorn's own grace (30 s for requests, 15 s for telemetry), and some
_LEFTOVER_S = 10.0
_POLL_S = 0.1
_SECOND_S = 0.5
_WRONG_SETTINGS = 3


class _Stop(Exception):
    """A signal asked for the end."""


class Run:
    """One `make run`: servers, the service, and the order in which they begin and end."""

    def __init__(self, environment: Mapping[str, str], stack: ExitStack) -> None:
        """Settle what is to run; what starts later ends with the stack, last first."""
        self.given = Environment(environment)
        self.environment = dict(environment)
        self._default("ENV", "local")
        # /metrics shows one worker's numbers.
        self._default("WEB_CONCURRENCY", "1")
        self.folder = DataFolder(Path(self.given.text("LOCAL_DIR") or ROOT / ".local"))
        self.servers: list[Server] = []
        self.lines: list[str] = []
        self._stack = stack
        self._signalled_at: float | None = None
        self._service: Process | None = None

    def __call__(self) -> int:
        """Run until a signal or the service's own end; return the exit status."""
        self._stack.enter_context(self._on_signals())
        settings = self._check_settings()
        port, self._console = settings.port, settings.console
        self.url = f"http://{LOOPBACK}:{port}"
        self._stack.enter_context(self.folder.locked(self.url))
        secrets = self.folder.secrets()
        self._default("JWT_SECRET", secrets["JWT_SECRET"])
        self._end_leftovers()
        if not is_free(port):
            message = f"port {port} is taken by another program; try: PORT={port + 1} make run"
            raise ServerError(message)
        self._provide_postgresql(secrets["PASSWORD"])
        self._provide_valkey(secrets["PASSWORD"])
        self._provide_more()
        self._service = self._start_service()
        return self._watch(self._service)

    @property
    def _record(self) -> Path:
        return self.folder.path / "service.json"

    def _default(self, name: str, value: str) -> None:
        if self.given.text(name) is None:
            self.environment[name] = value

    def _check_settings(self) -> Settings:
        """Read the settings as the service will, before anything starts."""
        complete = dict(self.environment)
        if self.given.text("POSTGRES_HOST") is None:
            complete |= {"POSTGRES_HOST": LOOPBACK, "POSTGRES_PASSWORD": "-"}
        if self.given.text("JWT_SECRET") is None:
            complete["JWT_SECRET"] = "-" * SHORTEST_JWT_SECRET
        return Settings.from_env(complete)

    def _end_leftovers(self) -> None:
        """End what a killed run left behind, in the usual order."""
        end_leftover(self._record, signal.SIGTERM, _LEFTOVER_S)
        for server in (Valkey, PostgreSQL):
            record = self.folder.path / server.name.lower() / RECORD
            end_leftover(record, server.stop_signal, _LEFTOVER_S)

    def _provide_postgresql(self, password: str) -> None:
        host = self.given.text("POSTGRES_HOST")
        if host is not None:
            self.lines.append(f"PostgreSQL  {host} (yours; `make migrate` brings it up to date)")
            return
        server = PostgreSQL(self.folder.path / PostgreSQL.name.lower(), password=password)
        self._start(server)
        self.environment |= server.environment()
        migrate = [str(Path(sys.executable).with_name("migrate"))]
        done = subprocess.run(
            migrate,
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,  # a Ctrl-C waits for its end
        )
        if done.returncode:
            message = f"migrate ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            raise ServerError(message)

    def _provide_valkey(self, password: str) -> None:
        address = self.given.text("REDIS_ADDR")
        if address is not None:
            self.lines.append(f"Redis       {address} (yours)")
            return
        try:
            server = Valkey(self.folder.path / Valkey.name.lower(), password=password, durable=True)
        except ServerError as error:
            # The service is made to work without a cache, so does `make run`.
            self.lines.append(f"Valkey      none: {error}")
            return
        self._start(server)
        self.environment |= server.environment()

    def _provide_more(self) -> None:
        """Start what another kind of run has beside; here nothing."""

    def _start(self, server: Server) -> None:
        self._proceed()
        self._stack.enter_context(server)
        self.servers.append(server)
        self.lines.append(f"{server.name:11} {server.where}")

    def _start_service(self) -> Process:
        self._proceed()
        # The log goes where `make run` was started, unbuffered by us.
        service = Process(
            [sys.executable, "-m", "gunicorn", "app.wsgi:app"],
            stdout=sys.stdout.buffer,
            stderr=sys.stderr.buffer,
            env=self.environment,
            cwd=ROOT,
        )
        remember(self._record, service)
        self._stack.callback(self._end_service, service)
        return service

    def _end_service(self, service: Process) -> None:
        if service.running:
            _say("Ending: requests in flight first, then the servers (Ctrl-C again: at once)")
        service.stop(signal.SIGTERM, _STOP_S)
        self._record.unlink(missing_ok=True)

    def _watch(self, service: Process) -> int:
        deadline = time.monotonic() + _READY_S
        ready = False
        while service.returncode is None:
            self._proceed()
            self._supervise()
            if not ready and _answers(self.url):
                ready = True
                self._introduce()
            if not ready and time.monotonic() > deadline:
                message = f"the service did not answer within {_READY_S:.0f} s"
                raise ServerError(message)
            time.sleep(_POLL_S)
        print(f"The service ended by itself, status {service.returncode}", file=sys.stderr)
        return service.returncode

    def _supervise(self) -> None:
        for server in self.servers:
            if not server.running:
                _say(f"{server.name} ended, its log is {server.log}; starting it again")
                server.start()

    def _introduce(self) -> None:
        body = """-H 'Content-Type: application/json' -d '{"url":"https://example.com/"}'"""
        title = f"The shortener answers on {self.url} (Ctrl-C ends it)"
        curl = f"Try         curl -s {self.url}/api/ {body}"
        lines = [*self.lines, curl]
        command = Path(sys.executable).with_name("shorten")
        if command.exists():
            lines.append(f"Command     {os.path.relpath(command)} signup --url {self.url}")
        if self._console:
            lines.append(f"Console     {self.url}/console")
        _say("\n".join(["", title, *(f"  {line}" for line in lines), ""]))

    @contextmanager
    def _on_signals(self) -> Iterator[None]:
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        """Note a signal: raising at any point would lose track of what was just started."""
        del frame
        now = time.monotonic()
        if self._signalled_at is None:
            self._signalled_at = now
        # Not the copies of one signal that a terminal, make and a shell pass on.
        elif number == signal.SIGINT and now - self._signalled_at > _SECOND_S and self._service:
            self._service.strike()

    def _proceed(self) -> None:
        if self._signalled_at is not None:
            raise _Stop


def main(environment: Mapping[str, str], kind: type[Run] = Run) -> int:
    """Run the service until it is told to end; return the exit status."""
    try:
        with ExitStack() as stack:
            return kind(environment, stack)()
    except _Stop:
        return 0
    except SettingsError as error:
        print(error, file=sys.stderr)
        return _WRONG_SETTINGS
    except FolderInUse as error:
        another = "give this one its own data and port: LOCAL_DIR=/some/where PORT=8081 make run"
        print(f"make run is running already, on {error}; end it, or {another}", file=sys.stderr)
    except (ServerError, OSError) as error:
        print(error, file=sys.stderr)
    return 1


def _say(text: str) -> None:
    with suppress(OSError):  # nobody listens any more: everything still ends in order
        print(text, flush=True)


def _answers(url: str) -> bool:
    # Without the proxies that the environment may name: none is between us and loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/healthz", timeout=1):
            return True
    except OSError:
        return False
