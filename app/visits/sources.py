"""Where a visit comes from, as its headers tell: never more than can be shown to everybody."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from app.model.visits import OTHER

LONGEST_REFERRER = 300
"""Characters of a Referer that are looked at: more than a scheme and the longest host need."""
_LONGEST_LANGUAGES = 256
LONGEST_LANGUAGES = _LONGEST_LANGUAGES + 1
"""Characters of Accept-Language that are looked at; the last one tells that there are more."""
_LONGEST_VALUE = 64
_LONGEST_ENCODED = 12 * _LONGEST_VALUE
"""A character has four bytes of UTF-8 at most, and each of them is `%XX`."""
_MOST_KNOWN = 2048


def wants_no_tracking(headers: Mapping[str, Any]) -> bool:
    """Tell whether DNT or Sec-GPC asks for it (Global Privacy Control, section 3.3)."""
    return headers.get("HTTP_DNT") == "1" or headers.get("HTTP_SEC_GPC") == "1"


@lru_cache(maxsize=_MOST_KNOWN)
def languages(accept_language: str) -> tuple[str, ...]:
    """Return the language ranges of Accept-Language, the most wanted first (RFC 9110, 12.5.4)."""
    weighed = []
    for place, part in enumerate(_whole_ranges(accept_language).split(",")):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if not name or len(name) > _LONGEST_VALUE:
            continue
        weight = _weight(parameters)
        if weight > 0:
            weighed.append((-weight, place, name))
    return tuple(name for _, _, name in sorted(weighed))


def _whole_ranges(accept_language: str) -> str:
    # Half a range would be another language, or one that is wanted more.
    if len(accept_language) <= _LONGEST_LANGUAGES:
        return accept_language
    return accept_language[:LONGEST_LANGUAGES].rpartition(",")[0]


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


def parameters(query: str) -> str:
    """Return what is read of a query, each parameter once and as it was sent; the last one counts.

    Click identifiers of advertisers are often longer than all of it, and differ with each visit.
    """
    if "utm_" not in query and "qr" not in query:
        return ""
    sent = f"&{query}&"
    found = [_UTM_BEGINS[name] + value for name in _UTM if (value := _sent(sent, name)) is not None]
    if "&qr&" in sent or "&qr=" in sent:
        found.append("&qr")
    return "".join(found)


def _sent(query: str, name: str) -> str | None:
    begins = _UTM_BEGINS[name]
    at = query.rfind(begins)
    if at < 0:
        return None
    begin = at + len(begins)
    end = query.index("&", begin)
    return query[begin:end] if end - begin <= _LONGEST_ENCODED else OTHER


@lru_cache(maxsize=_MOST_KNOWN)
def campaign(query: str) -> tuple[str | None, str | None, str | None, bool]:
    """Return utm_source, utm_medium and utm_campaign of `parameters`, and whether they say `qr`.

    A value that is too long to keep is `other`.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    source, medium, name = (_value(given.get(name)) for name in _UTM)
    return source, medium, name, "qr" in given


_UTM = ("utm_source", "utm_medium", "utm_campaign")
_UTM_BEGINS = {name: f"&{name}=" for name in _UTM}


def _value(text: str | None) -> str | None:
    """Return what can be stored and shown of a value that a client sent, or None."""
    if not text:
        return None
    # A lone surrogate or NUL cannot be stored; the rest of what does not print cannot be shown.
    kept = "".join(character for character in text if character.isprintable()).strip()
    return OTHER if len(kept) > _LONGEST_VALUE else kept or None
