"""Where a visit comes from, as its headers tell: never more than can be shown to everybody."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LONGEST_HEADER = 256
"""Characters that are looked at."""
_LONGEST_VALUE = 64
_MOST_KNOWN = 2048


def wants_no_tracking(headers: Mapping[str, Any]) -> bool:
    """Tell whether DNT or Sec-GPC asks for it (Global Privacy Control, section 3.3)."""
    return headers.get("HTTP_DNT") == "1" or headers.get("HTTP_SEC_GPC") == "1"


@lru_cache(maxsize=_MOST_KNOWN)
def languages(accept_language: str) -> tuple[str, ...]:
    """Return the language ranges of Accept-Language, the most wanted first (RFC 9110, 12.5.4)."""
    weighed = []
    for place, part in enumerate(accept_language[:LONGEST_HEADER].split(",")):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if not name or len(name) > _LONGEST_VALUE:
            continue
        weight = _weight(parameters)
        if weight > 0:
            weighed.append((-weight, place, name))
    return tuple(name for _, _, name in sorted(weighed))


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.lower().startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def language(accept_language: str) -> str | None:
    """Return the primary language that is wanted most, such as `pt`, or None."""
    for wanted in languages(accept_language):
        primary = wanted.partition("-")[0].lower()
        if primary.isascii() and primary.isalpha() and 2 <= len(primary) <= 3:
            return primary
    return None


@lru_cache(maxsize=_MOST_KNOWN)
def referring_host(referrer: str) -> str | None:
    """Return the host of a Referer in lower case, without its port and `www.`, or None."""
    try:
        host = urlsplit(referrer).hostname
    except ValueError:
        return None
    if not host or len(host) > 253 or not host.isprintable():
        return None
    return host.lower().removeprefix("www.")


@lru_cache(maxsize=_MOST_KNOWN)
def campaign(query: str) -> tuple[str | None, str | None, str | None, bool]:
    """Return utm_source, utm_medium and utm_campaign of a query, and whether it says `qr`."""
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=64))
    except ValueError:
        return None, None, None, False
    source, medium, name = (_value(given.get(f"utm_{part}")) for part in _UTM)
    return source, medium, name, "qr" in given


_UTM = ("source", "medium", "campaign")


def _value(text: str | None) -> str | None:
    """Return what can be stored and shown of a value that a client sent, or None."""
    if not text:
        return None
    # A lone surrogate or NUL cannot be stored; the rest of what does not print cannot be shown.
    kept = "".join(character for character in text[:_LONGEST_VALUE] if character.isprintable())
    return kept.strip() or None
