"""Take secrets out of text that is about to be logged."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

MASK = "***"

_SECRET_NAME = re.compile(
    r"passw|pwd|secret|token|authorization|cookie|api[_-]?key|credential", re.IGNORECASE
)
# Most lines hold none of these: one pass decides.
_SUSPECT = re.compile(r"://|eyJ|bearer|basic|passw|pwd|secret|token|api[_-]?key", re.IGNORECASE)
# The same for ASCII at half the cost: without IGNORECASE the engine skips to what can begin one.
_SUSPECT_ASCII = re.compile(
    "://|[eE][yY][jJ]|[bB](?:[eE][aA][rR][eE][rR]|[aA][sS][iI][cC])"
    "|[pP](?:[aA][sS][sS][wW]|[wW][dD])|[sS][eE][cC][rR][eE][tT]|[tT][oO][kK][eE][nN]"
    "|[aA][pP][iI][_-]?[kK][eE][yY]"
)
_RULES = (
    # userinfo of any URL, also a database's
    (re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s@\"'<>]+@"), rf"\g<1>{MASK}@"),
    # the query and fragment of a URL: people shorten links that hold keys
    (re.compile(r"(\bhttps?://[^\s?#\"'<>]*)[?#][^\s\"'<>]*", re.IGNORECASE), rf"\g<1>?{MASK}"),
    # a JSON Web Token, whole or in parts
    (re.compile(r"\beyJ[\w-]{5,}(\.[\w-]*)*"), MASK),
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
    suspect = _SUSPECT_ASCII if text.isascii() else _SUSPECT
    if suspect.search(text) is None:
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_field(name: str, value: Any) -> Any:
    """Mask the whole value of a field with a secret's name; else redact its text."""
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    if _is_secret(name):
        return MASK
    return redact(value) if isinstance(value, str) else value


@lru_cache(maxsize=1024)  # names of fields stand in the code: few, and the same in every line
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None
