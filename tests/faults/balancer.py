"""haproxy in the part of the load balancer: it probes, appends addresses, never asks twice."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

import pytest

from local.ports import LOOPBACK, free_port
from tests.harness.sinks import eventually

# /usr/sbin is not on every PATH.
_PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
HAPROXY = shutil.which("haproxy", path=_PLACES)

needs_haproxy = pytest.mark.skipif(
    HAPROXY is None, reason="haproxy is not installed (Debian package haproxy)"
)

# As an ALB does: nothing is sent twice or to another target, connections to targets are kept and
# shared, the client's address is appended. Probes are quicker: nobody waits 90 s in a test.
_CONFIGURATION = """
global
    stats socket {socket} level admin
    stats timeout 1m
defaults
    mode http
    option forwardfor
    option http-keep-alive
    http-reuse always
    retries 0
    timeout connect 2s
    timeout check 2s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 60s
frontend public
    bind {loopback}:{port}
    default_backend targets
backend targets
    balance roundrobin
    option httpchk GET /healthz
    default-server check inter 200ms fall 2 rise 1 pool-purge-delay {idle_s}s
{servers}
"""


class Balancer:
    """One haproxy with named targets; each can be taken out and led to another port."""

    def __init__(self, folder: Path, targets: dict[str, int], *, idle_s: int = 5) -> None:
        """Settle the targets' ports; a connection unused for 1 to 2 times `idle_s` is closed."""
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        # A path to a socket is short (108 bytes), pytest's folders are not.
        self._socket = Path("/tmp", f"balancer-{self.port}.sock")
        self._file = folder / "haproxy.cfg"
        servers = "\n".join(
            f"    server {name} {LOOPBACK}:{port}" for name, port in targets.items()
        )
        self._file.write_text(
            _CONFIGURATION.format(
                socket=self._socket,
                loopback=LOOPBACK,
                port=self.port,
                idle_s=idle_s,
                servers=servers,
            )
        )
        self._targets = list(targets)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start, and wait until every target was found healthy."""
        command = [str(HAPROXY), "-db", "-f", str(self._file)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            eventually(self._listens)
            for name in self._targets:
                self.await_status(name, "UP")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        self._socket.unlink(missing_ok=True)

    def _listens(self) -> bool:
        """Tell; the socket is there before anybody listens on it."""
        try:
            return bool(self._command("show stat"))
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def deregister(self, name: str) -> None:
        """Send the target nothing new; return when its last request is answered."""
        self._command(f"set server targets/{name} state drain")
        eventually(lambda: self._column(name, "scur") == "0", 60)

    def register(self, name: str, port: int) -> None:
        """Lead the name to another port and send there, once a probe found it healthy."""
        self._command(f"set server targets/{name} addr {LOOPBACK} port {port}")
        self._command(f"set server targets/{name} state ready")
        self.await_status(name, "UP")

    def await_status(self, name: str, status: str, timeout: float = 30.0) -> None:
        """Wait until the probes say so: UP or DOWN."""
        eventually(lambda: self._column(name, "status") == status, timeout)

    def _column(self, name: str, column: str) -> str:
        header, *rows = self._command("show stat").removeprefix("# ").splitlines()
        columns = header.split(",")
        for row in rows:
            values = dict(zip(columns, row.split(","), strict=False))
            if (values["pxname"], values.get("svname")) == ("targets", name):
                return values[column]
        raise AssertionError(rows)

    def _command(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self._socket))
            connection.sendall(command.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        return answer.decode().strip()
