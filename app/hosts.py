"""Hosts of URLs as browsers read them: names, international names, IPv4 and IPv6 addresses."""

from __future__ import annotations

import contextlib
import ipaddress
import re

import idna

from app.model.errors import InvalidUrl

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
LONGEST_NAME = 253
"""Characters."""
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_RADIXES = (
    (re.compile("0x[0-9a-f]*"), 16),
    (re.compile("0[0-7]*"), 8),
    (re.compile("[1-9][0-9]*"), 10),
)
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses as networks without IPv4 reach them (NAT64, RFC 6052, section 2.1)."""


def read_host(host: str) -> str:
    """Return a host in lower case, as ASCII; raise InvalidUrl with the reason."""
    if not host.startswith("["):
        return ascii_name(host)
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        raise InvalidUrl("the IPv6 address cannot be read") from None
    if address.scope_id:
        raise InvalidUrl("the IPv6 address has a zone")
    return f"[{host[1:-1].lower()}]"


def ascii_name(host: str) -> str:
    """Return a name in lower case, as ASCII; raise InvalidUrl for what no browser looks up."""
    name = host.lower()
    if not name.isascii():
        name = _punycode(host)
    labels = name.removesuffix(".").split(".")
    if len(name) > LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidUrl("the host is not a valid name")
    if _NUMBER.fullmatch(labels[-1]) and _ipv4(labels) is None:
        raise InvalidUrl("the host ends in a number and is no IPv4 address")
    return name


def one_spelling(host: str) -> str:
    """Return an address as everybody writes it: browsers also take `127.1` and `[0::1]`.

    It is what hosts are compared by, not what links are found by. An IPv6 address that leads to an
    IPv4 address is that one.
    """
    if host.startswith("["):
        address = ipaddress.IPv6Address(host[1:-1])
        return str(_ipv4_within(address) or f"[{address.compressed}]")
    return str(_ipv4(host.split(".")) or host)


def accept_host(text: str) -> str:
    """Return a host that somebody typed in the form of `one_spelling`.

    It may be a name, an IPv4 address of four decimal numbers or an IPv6 address. InvalidUrl for
    whatever may mean more, or less, than one host: a URL, a port, a range; `1.2.3` is 1.2.0.3.
    """
    name = text.removesuffix(".")
    if name.startswith("[") != name.endswith("]"):
        raise InvalidUrl("a bracket has no other")
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    name = read_host(name)
    host = one_spelling(name)
    if not name.startswith("[") and host != name:
        raise InvalidUrl(f"the address is to be written as {host}")
    return host


def _ipv4_within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a connection to an IPv6 address ends at, if it is known.

    Every system does so for mapped ones (RFC 4291, section 2.5.5.2), every network with NAT64 for
    its well-known prefix. Nothing routes IPv4-compatible ones (deprecated, section 2.5.5.1), and
    6to4 (RFC 3056) names a network behind an IPv4 address, not that address.
    """
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped


def _ipv4(labels: list[str]) -> ipaddress.IPv4Address | None:
    """Read up to four numbers as browsers do, or return None (WHATWG URL, section 3.5).

    Each may be decimal, octal after a 0 or hexadecimal after 0x; the last fills what is left.
    """
    numbers = [_number(label) for label in labels]
    *first, last = numbers
    if len(numbers) > 4 or last is None:
        return None
    value = 0
    for number in first:
        if number is None or number > 255:
            return None
        value = value << 8 | number
    room = 8 * (4 - len(first))
    return ipaddress.IPv4Address(value << room | last) if last >> room == 0 else None


def _number(label: str) -> int | None:
    for form, radix in _RADIXES:
        if form.fullmatch(label):
            return int(label.removeprefix("0x") or "0", radix)
    return None


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
