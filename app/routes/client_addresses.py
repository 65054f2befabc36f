"""Whose request it is: the address that our own proxies say, always in one spelling."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from app.routes.forwarding import ForwardingNotes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_NODE = re.compile(
    r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<bare>[^:]*))(?::(?:(?P<port>[0-9]{0,5})|_[\w.-]+))?"
)
"""A node of RFC 7239, section 6, without its quotes: the port may be a word behind a `_`."""
_BARE_WITH_PORT = re.compile(r"(?P<bare>[0-9A-Fa-f:.%]*:[^:]*):(?P<port>[0-9]{1,5})")
"""What some proxies make of an IPv6 address and a port: no brackets."""
_LONGEST_NODE = 128
"""Characters; an address with zone and port has fewer."""


class Node(NamedTuple):
    """Who asked: an address in its canonical spelling, and the port where it is known."""

    address: str
    port: str | None


class ClientAddresses:
    """WSGI middleware: make REMOTE_ADDR the client's address, as the last of our proxies says.

    `proxies` is how many of them append to X-Forwarded-For; what the client wrote itself stands
    before and is never believed. Where the proxies name nobody (`unknown`, a name they made up,
    nothing), the address stays the one that the connection came from. RFC 4291 and RFC 5952 give
    the spelling: no port, zone or brackets, and IPv4 in IPv6 as IPv4, so that a client that is
    counted, logged and traced is the same one each time.
    """

    def __init__(
        self, app: WSGIApplication, proxies: int, notes: ForwardingNotes | None = None
    ) -> None:
        self._app = app
        self._proxies = proxies
        self._notes = notes or ForwardingNotes()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        client = client_of(environ, self._proxies)
        header = environ.get("HTTP_X_FORWARDED_FOR")
        if header:
            self._notes.note(header, client.address)
        tell_client(environ, client)
        return self._app(environ, start_response)


def client_of(environ: WSGIEnvironment, proxies: int) -> Node:
    """Return the client of a request that came through so many proxies of ours."""
    client = forwarded(environ.get("HTTP_X_FORWARDED_FOR"), proxies)
    if client is not None:
        return client
    given: str = environ.get("REMOTE_ADDR", "")
    peer = node(given)
    return Node(peer.address if peer else given, environ.get("REMOTE_PORT"))


def tell_client(environ: WSGIEnvironment, client: Node) -> None:
    """Write the client where WSGI has it; the connection's own port may be that of a proxy."""
    if client.address:
        environ["REMOTE_ADDR"] = client.address
    environ.pop("REMOTE_PORT", None)
    if client.port:
        environ["REMOTE_PORT"] = client.port


def forwarded(header: str | None, proxies: int) -> Node | None:
    """Return whom the header names so many hops from its end, or None if that is nobody."""
    if not header or not proxies:
        return None
    if proxies == 1 and (last := header[header.rfind(",") + 1 :].strip()):
        return node(last)
    # RFC 9110, section 5.6.1.2: empty elements are as good as not there.
    hops = [hop for part in header.split(",") if (hop := part.strip())]
    return node(hops[-proxies]) if len(hops) >= proxies else None


def node(text: str) -> Node | None:
    """Read an address with or without quotes, brackets, zone and port, or return None."""
    return _node(text) if len(text) <= _LONGEST_NODE else None


@lru_cache(maxsize=4096)
def _node(text: str) -> Node | None:
    given = text.strip().removeprefix('"').removesuffix('"').strip()
    if whole := _address(given):
        return Node(whole, None)
    for form in (_NODE, _BARE_WITH_PORT):
        match = form.fullmatch(given)
        if match is None:
            continue
        parts = match.groupdict()
        if address := _address(parts["bare"] or parts.get("bracketed") or ""):
            port = int(parts["port"] or 0)
            return Node(address, str(port) if 0 < port <= 65535 else None)
    return None


def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0].strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
