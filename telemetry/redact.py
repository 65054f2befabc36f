"""Take secrets out of text that is about to be logged."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

MASK = "***"

_SECRET_NAME = re.compile(
    r"passw|pwd|secret|token|authorization|cookie|api[_-]?key|credential", re.IGNORECASE
)
# Most lines hold none of these: one pass decides.
_SUSPECT = re.compile(
    r"://|%3a|eyJ|fon_|bearer|basic|passw|pwd|secret|token|api[_-]?key", re.IGNORECASE
)
# The same for ASCII, in a third of the time: each is looked for by itself.
_SUSPECTS = (
    *("://", "%3a", "eyj", "fon_", "bearer", "basic", "passw", "pwd", "secret", "token"),
    *("apikey", "api_key", "api-key"),
)
# A code, perhaps under /api: too short for any secret that can be told from a word.
_PLAIN_PATH = re.compile(r"(?:/api)?/[A-Za-z0-9_-]{0,7}/?")
_SCHEME_END = re.compile(r"[A-Za-z0-9]:[/\\]+")
_QUERY = re.compile("[?#]")
_MOST_ENCODED = 4
_DEEPEST = 4


def _masked(mark: str) -> Callable[[re.Match[str]], str]:
    """Return a replacement: what was found up to its first group's end, and the mask if more."""
    return lambda found: found[1] if found[0] == found[1] else f"{found[1]}{mark}{MASK}"


_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # userinfo of any URL, also a database's, up to its last @: passwords may hold some
    (re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]{0,30}://)[^/\s\"'<>]+@"), rf"\g<1>{MASK}@"),
    # the query and fragment of a URL: people shorten links that hold keys. The tail is optional,
    # and nothing is tried twice: whoever writes a path of URLs must not keep us busy.
    (
        re.compile(r"(\bhttps?://[^\s?#\"'<>]*+)(?:[?#][^\s\"'<>]*+)?", re.IGNORECASE),
        _masked("?"),
    ),
    # both again in a URL that is percent-encoded, as a part of another
    (
        re.compile(
            r"(\b[a-z][a-z0-9+.-]{0,30}%3a(?:%2f|/){1,3})(?:(?!%2f)[^/\s\"'<>&])+(?:%40|@)",
            re.IGNORECASE,
        ),
        rf"\g<1>{MASK}%40",
    ),
    (
        re.compile(
            r"(\bhttps?%3a(?:%2f|/){1,3}+(?:(?!%3f|%23)[^\s?#\"'<>&])*+)"
            r"(?:(?:%3f|%23|[?#])[^\s\"'<>]*+)?",
            re.IGNORECASE,
        ),
        _masked("%3F"),
    ),
    # a JSON Web Token, whole or in parts
    (re.compile(r"\beyJ[\w-]{5,}(\.[\w-]*)*"), MASK),
    # an API key, whole wherever it stands, or cut where it begins a word
    (re.compile(r"(?<![A-Za-z0-9])fon_[\w-]{16,}|fon_[\w-]{43}"), f"fon_{MASK}"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\g<1> {MASK}"),
    (
        re.compile(
            r"(\b\w*(?:password|passwd|pwd|secret|token|api[_-]?key)[\"']?\s*[=:]\s*)"
            r"(\"[^\"]*\"|'[^']*'|[^\s\"',;&)]+)",
            re.IGNORECASE,
        ),
        rf"\g<1>{MASK}",
    ),
)


def redact(text: str) -> str:
    """Mask passwords, tokens and the queries of URLs."""
    if not _is_suspect(text):
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def _is_suspect(text: str) -> bool:
    if not text.isascii():
        return _SUSPECT.search(text) is not None
    text = text.lower()
    for each in _SUSPECTS:  # noqa: SIM110  # a generator costs twice as much
        if each in text:
            return True
    return False


def redact_path(path: str) -> str:
    """Mask what a path holds of somebody's URL: its userinfo, its query, and what `redact` masks.

    People put whole URLs where a code belongs, encoded once or more. What has nothing to mask is
    returned as it is, else it is returned decoded.
    """
    if _PLAIN_PATH.fullmatch(path):
        return path
    text = path
    for _ in range(_MOST_ENCODED):
        if "%" not in text:
            break
        text = unquote(text)
    masked = redact(_without_query(_without_userinfo(text)))
    return path if masked == text else masked


def redact_field(name: str, value: Any, depth: int = 0) -> Any:
    """Mask the whole value of a field with a secret's name; else redact its text, however deep."""
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    if _is_secret(name):
        return MASK
    if isinstance(value, str):
        return redact(value)
    return _redact_within(name, value, depth + 1)


def _redact_within(name: str, value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return redact(repr(value))
    if isinstance(value, dict):
        return {key: redact_field(str(key), held, depth) for key, held in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact_field(name, held, depth) for held in value]
    return value


def _without_userinfo(path: str) -> str:
    before, at, host = path.rpartition("@")
    if not at:
        return path
    scheme = _SCHEME_END.search(before)
    if scheme:
        begin = scheme.end()
    else:
        # `user:pass/word@host`: from the part with the colon on, wherever the password ends
        colon = before.find(":")
        begin = before.rfind("/", 0, colon if colon >= 0 else len(before)) + 1
    return f"{before[:begin]}{MASK}@{host}"


def _without_query(path: str) -> str:
    mark = _QUERY.search(path)
    return f"{path[: mark.start()]}?{MASK}" if mark else path


@lru_cache(maxsize=1024)  # names of fields stand in the code: few, and the same in every line
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None
