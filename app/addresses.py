"""Addresses as settings name them: origins, URLs, hosts with and without a port."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(:(?P<port>[0-9]{1,5}))?")
_SENDABLE = re.compile(r"[!-~]{1,2048}")


def url(value: str) -> str:
    """Read an http or https URL that a header can carry; raise ValueError for anything else."""
    parts = urlsplit(value)
    origin(f"{parts.scheme}://{parts.netloc}")
    if not _SENDABLE.fullmatch(value):
        raise ValueError(value)
    return value


def front(value: str) -> tuple[str | None, int | None] | None:
    """Return host and port of a URL that is a site's `/`, by http or https; None for another."""
    parts = urlsplit(value)
    port = None if parts.port in {80, 443} else parts.port
    return None if parts.path.strip("/") else (parts.hostname, port)


def origins(value: str) -> tuple[str, ...]:
    """Read origins parted by commas, at least one; raise ValueError for anything else."""
    given = tuple(part.strip() for part in value.split(",") if part.strip())
    if not given:
        raise ValueError(value)
    return tuple(origin(each) for each in given)


def origin(value: str) -> str:
    """Read scheme, host and port (RFC 6454, section 6.1) as a browser sends them, or ValueError."""
    parts = urlsplit(value.rstrip("/"))
    port = parts.port
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.path
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or "*" in value
        or not _HOST_NAME.fullmatch(parts.hostname.replace(":", ""))
    ):
        raise ValueError(value)
    default_port = 443 if parts.scheme == "https" else 80
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port in {None, default_port} else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


def host_port(value: str) -> tuple[str, int]:
    """Read Redis' host and port (6379 where none is given); raise ValueError for anything else."""
    match = _HOST_PORT.fullmatch(value)
    port = int(match["port"] or 6379) if match else 0
    if match is None or not 1 <= port <= 65535:
        raise ValueError(value)
    return match["host"].strip("[]"), port


def host(value: str) -> str:
    """Read a host name, an address or a socket's folder; raise ValueError for anything else."""
    if value.startswith("/"):
        return value
    if ":" in value:
        return str(ipaddress.IPv6Address(value.removeprefix("[").removesuffix("]")))
    if not _HOST_NAME.fullmatch(value):
        raise ValueError(value)
    return value
