"""The way to a peer: its name, then a TCP connection. What breaks here, breaks for every client."""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.doctor.findings import Advice, Finding, Progress, Status

CONNECT_WAIT = 1.2
"""Seconds; less than a whole check has, so that the cause is known before it is given up."""

_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL}


@dataclass(frozen=True, slots=True)
class Peer:
    """Where something listens, and what to do when it does not."""

    host: str
    port: int
    name: str
    """As in the sentence: PostgreSQL, the collector."""
    setting: str
    """The variable that holds the address."""
    start: str
    """Command that shows whether it runs, or starts it."""
    discovery: str
    """Command that shows why its name is unknown."""
    domain: str | None = None
    """What completes a name in it, where it is found by service discovery."""

    @property
    def shown(self) -> str:
        """The address for people, never with credentials."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Unreachable(Exception):
    """No TCP connection; `finding(row)` says why."""

    def __init__(self, found: str, advice: Advice) -> None:
        super().__init__(found)
        self._found, self._advice = found, advice

    def finding(self, row: str) -> Finding:
        """Return the row of the table."""
        return Finding(row, Status.FAIL, self._found, self._advice)


def resolve(peer: Peer, progress: Progress) -> list[str]:
    """Return the addresses of the host; raise Unreachable."""
    cause = "the name server does not answer: its address, security group or the VPC's DNS"
    progress.at(f"resolving {peer.host}", cause, f"cat /etc/resolv.conf; getent hosts {peer.host}")
    try:
        entries = socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        again = getattr(error, "errno", None) == socket.EAI_AGAIN
        found = f"the name {peer.host} cannot be resolved"
        raise Unreachable(found, _why_unknown(peer, away=again)) from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def _why_unknown(peer: Peer, *, away: bool) -> Advice:
    if peer.domain and "." not in peer.host:
        # No DNS zone that a task searches has a name alone (docs/decisions/0004).
        cause = f"the name lacks its domain: {peer.host}.{peer.domain} is what is registered"
        return Advice(cause, f"Write {peer.host}.{peer.domain} in {peer.setting}, then release")
    if away:
        return Advice("the name server is away", peer.discovery)
    cause = f"{peer.setting} is misspelt, or the name is not registered in this network"
    return Advice(cause, peer.discovery)


def reach(peer: Peer, progress: Progress) -> str:
    """Return the address to which a TCP connection could be made; raise Unreachable."""
    addresses = resolve(peer, progress)
    cause = "packets are dropped: a security group, a firewall or the wrong address"
    progress.at(f"connecting to {peer.shown}", cause, peer.start)
    deadline = time.monotonic() + CONNECT_WAIT
    failure: OSError = TimeoutError()
    for number, address in enumerate(addresses):
        wait = (deadline - time.monotonic()) / (len(addresses) - number)
        try:
            socket.create_connection((address, peer.port), timeout=max(wait, 0.05)).close()
        except OSError as error:
            failure = error
        else:
            return address
    raise Unreachable(*_why(failure, peer)) from None


def _why(failure: OSError, peer: Peer) -> tuple[str, Advice]:
    if isinstance(failure, ConnectionRefusedError):
        cause = f"{peer.name} is stopped or restarting, or has another port (see {peer.setting})"
        return f"{peer.shown} refuses connections", Advice(cause, peer.start)
    if isinstance(failure, TimeoutError):
        cause = "packets are dropped: a security group, a firewall or the wrong address"
        found = f"{peer.shown} takes no connection within {CONNECT_WAIT:g} s"
        return found, Advice(cause, peer.start)
    if failure.errno in _NO_ROUTE:
        cause = "wrong network, subnet or route table"
        return f"no route to {peer.shown}", Advice(cause, peer.start)
    cause = "the network of this machine"
    return f"{peer.shown} cannot be reached ({type(failure).__name__})", Advice(cause, peer.start)


def address_of(url: str) -> tuple[str, int]:
    """Return host and port of an http or https URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def is_http_url(url: str) -> bool:
    """Tell whether the URL is one that can be asked."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port out of range
        return False


def is_address(host: str) -> bool:
    """Tell whether the host needs no name server: an IP address, or a socket's folder."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.startswith("/")
    return True
