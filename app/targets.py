"""Target URLs: what is accepted, what makes two of them the same, and how one is sent."""

from __future__ import annotations

import contextlib
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from app import hosts
from app.model.errors import InvalidUrl

LONGEST = 8192
"""Characters."""
LONGEST_SENT = 14 * 1024
"""Bytes of a `Location`: what haproxy takes beside our other headers with its 16 KiB for an answer,
and less than the 16 KiB that an ALB takes for one header or Node.js for all."""
_SURELY_SENT = (LONGEST_SENT - 253) // 12
"""Characters: beside the host, which has 253 bytes at most, none needs more than twelve."""

_DEFAULT_SCHEME = "https://"
# What nearly every target begins with, and nothing that is decoded, mapped or refused.
_USUAL_HOST = re.compile(
    r"(?P<scheme>https?)://(?![^/?#]*xn--)"
    r"(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63})(?=[/?#]|\Z)",
    re.IGNORECASE | re.ASCII,
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_HOST_AND_PORT = re.compile(r"[^/?#:]+:[0-9]+(?=[/?#]|$)")
_SPLIT = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.I | re.S)
_USER = re.compile(r"(https?://)[^/?#\\]*@", re.I)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?")
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
    parts = _usual_parts(url)
    if parts is None:
        if not has_scheme(url):
            url = _DEFAULT_SCHEME + url
        parts = _split(url)
    name = parts.host.removesuffix(".")  # the root's dot makes no name longer
    reachable = "." in name or name.startswith("[")
    if not reachable and not (local and name in _LOOPBACK_NAMES):
        raise InvalidUrl("the host needs a dot")
    if _authority(parts) in own_hosts:
        raise InvalidUrl("a short link cannot lead to this service itself")
    location(url)  # raises what it would raise for each visit
    return Target(url, hashlib.sha256(parts.key.encode()).digest())


def digest_of(url: str) -> bytes | None:
    """Return the digest of a stored target, None for one that no new link could have."""
    try:
        return accept(url, own_hosts=frozenset(), local=True).digest
    except InvalidUrl:
        return None


def are_same(one: str, other: str) -> bool:
    """Tell whether two stored targets differ at most in how scheme and host are spelled."""
    one, other = absolute(one), absolute(other)
    return one == other or None is not digest_of(one) == digest_of(other)


def absolute(stored: str) -> str:
    """Return a stored target with a scheme; rows of earlier services may lack one."""
    if stored[:8].lower().startswith(("http://", "https://")):
        return stored
    return _DEFAULT_SCHEME + stored


def location(url: str) -> str:
    """Return the URL as a `Location` header can carry it: ASCII without controls or spaces.

    Whatever is printable ASCII stays as it is; the rest is percent-encoded as UTF-8, a host
    becomes punycode (RFC 3986, section 2; RFC 5891). InvalidUrl for one that proxies would not
    take: a character may need twelve bytes.
    """
    sent = url if _SENDABLE.fullmatch(url) else _encoded(url)
    if len(sent) > LONGEST_SENT:
        raise InvalidUrl(f"the URL is longer than {LONGEST_SENT} bytes when it is percent-encoded")
    return sent


def is_sendable(url: str) -> bool:
    """Tell whether `location` would return something: at once for all but the longest."""
    if len(url) <= _SURELY_SENT:
        return True
    try:
        location(url)
    except InvalidUrl:
        return False
    return True


@lru_cache(maxsize=256)  # of each request that creates a link, nearly always the same
def authority(url_or_host: str) -> str | None:
    """Return `host` or `host:port` in the form that `own_hosts` holds, or None if it is none."""
    return _authority_of(url_or_host)


def _authority_of(url_or_host: str) -> str | None:
    try:
        url = url_or_host if has_scheme(url_or_host) else _DEFAULT_SCHEME + url_or_host
        return _authority(_split(url))
    except InvalidUrl:
        return None


def host_of(url: str) -> str | None:
    """Return a target's host as it is compared, without a port, or None if it has none.

    Nothing is remembered: of targets each is another, and would push out what `authority` knows.
    Links of the Go service may have a user name before it, which no target may have now.
    """
    if usual := _USUAL_HOST.match(url):
        return usual["host"].lower()
    found = _authority_of(_USER.sub(r"\1", url, count=1) if "@" in url else url)
    if found is None or found.startswith("["):
        return found and found.partition("]")[0] + "]"
    return found.partition(":")[0]


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


def _encoded(url: str) -> str:
    match = _SPLIT.fullmatch(url)
    if match is None:
        return quote(url, safe=_PRINTABLE_ASCII, errors="replace")
    authority = match["authority"]
    if not authority.isascii():
        name, colon, port = authority.partition(":")
        with contextlib.suppress(InvalidUrl):
            authority = hosts.ascii_name(name) + colon + port
    sent = f"{match['scheme']}://{authority}{match['rest']}"
    return quote(sent, safe=_PRINTABLE_ASCII, errors="replace")


def _usual_parts(url: str) -> _Parts | None:
    """Return what `_split` does for a target of the usual kind, in a fifth of the time."""
    usual = _USUAL_HOST.match(url)
    if usual is None or len(usual["host"]) > hosts.LONGEST_NAME:
        return None
    return _Parts(usual["scheme"].lower(), usual["host"].lower(), None, url[usual.end() :])


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
    return _Parts(
        match["scheme"].lower(), hosts.read_host(found["host"]), found["port"], match["rest"]
    )


def _authority(parts: _Parts) -> str:
    host = hosts.one_spelling(parts.host.removesuffix("."))
    port = int(parts.port or 443)
    return host if port in _DEFAULT_PORTS else f"{host}:{port}"
