"""Target URLs: what is accepted, what makes two of them the same, and how one is sent."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import re
import socket
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

import idna

from app.model.errors import InvalidUrl

LONGEST = 8192
"""Characters."""

_DEFAULT_SCHEME = "https://"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_HOST_AND_PORT = re.compile(r"[^/?#:]+:[0-9]+(?=[/?#]|$)")
_SPLIT = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.I | re.S)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LONGEST_NAME = 253
_SENDABLE = re.compile(r"[!-~]+")
_PRINTABLE_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_LOOPBACK_NAMES = frozenset({"localhost"})
_DEFAULT_PORTS = frozenset({80, 443})


@dataclass(frozen=True, slots=True)
class Target:
    """An accepted target: the URL as given, and the digest that tells equal ones."""

    url: str
    digest: bytes
    """SHA-256 of the URL with scheme and host normalised, 32 bytes."""


@dataclass(frozen=True, slots=True)
class _Parts:
    scheme: str
    host: str
    port: str | None
    """As given; empty after a colon with nothing behind it."""
    rest: str

    @property
    def key(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.rest}"


def accept(text: str, *, own_hosts: frozenset[str], local: bool) -> Target:
    """Return the target for what a client gave; raise InvalidUrl with the reason.

    `own_hosts` are our own `host` or `host:port`, as `authority` gives them: a link to ourselves
    would redirect in a loop. `local` also takes localhost.
    """
    url = text.strip(" ")
    _check_characters(url)
    if not has_scheme(url):
        url = _DEFAULT_SCHEME + url
    parts = _split(url)
    name = parts.host.removesuffix(".")  # the root's dot makes no name longer
    reachable = "." in name or name.startswith("[")
    if not reachable and not (local and name in _LOOPBACK_NAMES):
        raise InvalidUrl("the host needs a dot")
    if _authority(parts) in own_hosts:
        raise InvalidUrl("a short link cannot lead to this service itself")
    return Target(url, hashlib.sha256(parts.key.encode()).digest())


def absolute(stored: str) -> str:
    """Return a stored target with a scheme; rows of earlier services may lack one."""
    if stored[:8].lower().startswith(("http://", "https://")):
        return stored
    return _DEFAULT_SCHEME + stored


def location(url: str) -> str:
    """Return the URL as a `Location` header can carry it: ASCII without controls or spaces.

    Whatever is printable ASCII stays as it is; the rest is percent-encoded as UTF-8, a host
    becomes punycode (RFC 3986, section 2; RFC 5891).
    """
    if _SENDABLE.fullmatch(url):
        return url
    match = _SPLIT.fullmatch(url)
    if match is None:
        return quote(url, safe=_PRINTABLE_ASCII, errors="replace")
    authority = match["authority"]
    if not authority.isascii():
        name, colon, port = authority.partition(":")
        with contextlib.suppress(InvalidUrl):
            authority = _ascii_name(name) + colon + port
    sent = f"{match['scheme']}://{authority}{match['rest']}"
    return quote(sent, safe=_PRINTABLE_ASCII, errors="replace")


@lru_cache(maxsize=256)  # of each request that creates a link, nearly always the same
def authority(url_or_host: str) -> str | None:
    """Return `host` or `host:port` in the form that `own_hosts` holds, or None if it is none."""
    try:
        url = url_or_host if has_scheme(url_or_host) else _DEFAULT_SCHEME + url_or_host
        return _authority(_split(url))
    except InvalidUrl:
        return None


def has_scheme(url: str) -> bool:
    """Tell a scheme from a host with a port; raise InvalidUrl for a scheme that is not http(s)."""
    match = _SCHEME.match(url)
    if match is None or _HOST_AND_PORT.match(url):
        return False
    if match[1].lower() not in {"http", "https"}:
        raise InvalidUrl("only http and https are accepted")
    if not url.startswith("//", match.end()):
        raise InvalidUrl("the scheme must be followed by //")
    return True


def _check_characters(url: str) -> None:
    if not url:
        raise InvalidUrl("the URL is empty")
    if len(url) > LONGEST:
        raise InvalidUrl(f"the URL is longer than {LONGEST} characters")
    if url.isascii() and url.isprintable() and " " not in url:
        return
    for character in url:
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise InvalidUrl("the URL contains a control character or half a surrogate pair")
        if character.isspace():
            raise InvalidUrl("the URL contains a space")


def _split(url: str) -> _Parts:
    match = _SPLIT.fullmatch(url)
    if match is None:
        raise InvalidUrl("the URL cannot be read")
    given = match["authority"]
    if "\\" in given:
        raise InvalidUrl("the host contains a backslash")
    if "@" in given:
        raise InvalidUrl("a user name or password in the URL is not accepted")
    found = _AUTHORITY.fullmatch(given)
    if found is None or not found["host"]:
        raise InvalidUrl("the host is missing or cannot be read")
    if int(found["port"] or 0) > 65535:
        raise InvalidUrl("the port is not one")
    return _Parts(match["scheme"].lower(), _host(found["host"]), found["port"], match["rest"])


def _host(host: str) -> str:
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise InvalidUrl("the IPv6 address cannot be read") from None
        if address.scope_id:
            raise InvalidUrl("the IPv6 address has a zone")
        return f"[{host[1:-1].lower()}]"
    return _ascii_name(host)


def _ascii_name(host: str) -> str:
    name = host.lower()
    if not name.isascii():
        name = _punycode(host)
    labels = name.removesuffix(".").split(".")
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidUrl("the host is not a valid name")
    return name


def _punycode(host: str) -> str:
    """Return an international name in ASCII (RFC 5891, mapped as UTS #46 says).

    IDNA 2008 admits no emoji; browsers do, and so names with them are mapped and encoded only.
    """
    with contextlib.suppress(idna.IDNAError, UnicodeError):
        return idna.encode(host, uts46=True, transitional=False).decode()
    try:
        labels = idna.uts46_remap(host, std3_rules=False, transitional=False).split(".")
    except (idna.IDNAError, UnicodeError):
        raise InvalidUrl("the host is not a valid international name") from None
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
    )


def _authority(parts: _Parts) -> str:
    host = _one_spelling(parts.host.removesuffix("."))
    port = int(parts.port or 443)
    return host if port in _DEFAULT_PORTS else f"{host}:{port}"


def _one_spelling(host: str) -> str:
    """Return an address as everybody writes it: browsers also take `127.1` and `[0::1]`."""
    if host.startswith("["):
        return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host
