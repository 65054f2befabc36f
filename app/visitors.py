"""Who follows a link, as far as a request tells: the one place that reads these headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote_from_bytes

import maxminddb
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from app.agents import agent as read_agent
from app.model.managed_links import Device

Environ = Mapping[str, Any]
"""Of WSGI (PEP 3333): header values are bytes read as Latin-1."""

_COUNTRY = re.compile("[A-Z]{2}")
_MOST_LANGUAGES = 20
_PREFETCHES = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_PREFETCH_WORDS = ("prefetch", "prerender", "preview")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
# Country codes that CDNs use for "unknown" (Cloudflare: XX, T1 for Tor).
_NO_COUNTRY = frozenset({"XX", "ZZ"})


class Visitor:
    """What a request tells of who sent it; nothing is looked at before it is asked for."""

    def __init__(self, environ: Environ, country: Callable[[Environ], str | None]) -> None:
        self._environ = environ
        self._country = country

    @property
    def counts(self) -> bool:
        """Tell whether a person is on the way, for whom a visit is used up."""
        return self._environ.get("REQUEST_METHOD") == "GET" and not self.prefetches and not self.bot

    @property
    def prefetches(self) -> bool:
        """Tell whether a browser only looks ahead."""
        return prefetches(self._environ)

    @property
    def bot(self) -> bool:
        """Tell whether the user agent is a program; one without a name is one."""
        return read_agent(self._agent).bot

    @cached_property
    def device(self) -> Device | None:
        """The kind of device."""
        return read_agent(self._agent).device

    @cached_property
    def languages(self) -> Sequence[str]:
        """Language ranges of Accept-Language, the preferred first, in lower case."""
        return _languages(self._environ.get("HTTP_ACCEPT_LANGUAGE", ""))

    @cached_property
    def country(self) -> str | None:
        """Two capital letters (ISO 3166-1 alpha-2), None where nobody knows."""
        return self._country(self._environ)

    @cached_property
    def query(self) -> str:
        """The query as it was sent; bytes that a URL cannot hold are percent-encoded."""
        sent: str = self._environ.get("QUERY_STRING", "")
        if sent.isascii() and sent.isprintable() and " " not in sent:
            return sent
        return quote_from_bytes(sent.encode("latin-1", "replace"), safe=_PRINTABLE)

    @cached_property
    def parameters(self) -> Sequence[tuple[str, str]]:
        """The query's names and values, decoded."""
        return parse_qsl(self.query, keep_blank_values=True, errors="replace")

    @property
    def _agent(self) -> str:
        agent: str = self._environ.get("HTTP_USER_AGENT", "")
        return agent


def prefetches(environ: Environ) -> bool:
    """Tell whether a browser only looks ahead (Fetch, section 3.2.8, and what came before)."""
    return any(
        word in environ[name].lower()
        for name in _PREFETCHES
        if name in environ
        for word in _PREFETCH_WORDS
    )


ReadVisitor = Callable[[Environ], Visitor]
"""Tells of whoever sent a request."""


def no_country(_environ: Environ) -> None:
    """Know no country."""


def from_anywhere(environ: Environ) -> Visitor:
    """Tell of whoever sent a request, but for the country."""
    return Visitor(environ, no_country)


NOBODY = Visitor({}, no_country)
"""Of whom nothing is known, and whose visit uses nothing up."""


class Countries:
    """Tells the country of a request: from a header of our own proxies, or from an address.

    `header` is believed as it comes, so give it only behind proxies that set it on every request.
    `database` is a file in MaxMind's format with countries; ValueError where it is none.
    """

    def __init__(self, header: str | None = None, database: str | None = None) -> None:
        self.key = header and "HTTP_" + header.upper().replace("-", "_")
        """The header's name in a WSGI environment; None: no proxy of ours tells countries."""
        self._reader = None if database is None else _open(database)

    @property
    def by_address(self) -> bool:
        """Tell whether the address is what it is told by."""
        return self.key is None and self._reader is not None

    def __call__(self, environ: Environ) -> str | None:
        """Return two capital letters, or None."""
        if self.key is not None:
            return _country(environ.get(self.key, ""))
        if self._reader is not None:
            return _located(self._reader, environ.get("REMOTE_ADDR", ""))
        return None


def _open(database: str) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(database)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise ValueError(database) from error


def _located(reader: maxminddb.Reader, address: str) -> str | None:
    try:
        found: Any = reader.get(address)
    except (ValueError, maxminddb.InvalidDatabaseError):
        return None
    place = found.get("country") if isinstance(found, dict) else None
    code = place.get("iso_code") if isinstance(place, dict) else None
    return _country(code) if isinstance(code, str) else None


def _country(text: str) -> str | None:
    code = text.strip().upper()
    return code if _COUNTRY.fullmatch(code) and code not in _NO_COUNTRY else None


@lru_cache(maxsize=1024)
def _languages(header: str) -> Sequence[str]:
    try:
        accepted = parse_accept_header(header, LanguageAccept)
    except ValueError:
        return ()
    wanted = [value.lower() for value, quality in accepted if quality > 0 and value != "*"]
    return tuple(wanted[:_MOST_LANGUAGES])
