"""Short codes: six characters of [a-zA-Z0-9], case-sensitive."""

from __future__ import annotations

import re
import secrets
import string

from app.model.errors import InvalidAlias, ReservedWord
from app.secret_keys import is_key

LENGTH = 6
ALPHABET = string.ascii_letters + string.digits
RESERVED = frozenset(
    {
        "account",
        "api",
        "apple-touch-icon-precomposed.png",
        "apple-touch-icon.png",
        "console",
        "docs",
        "export",
        "favicon.ico",
        "health",
        "healthz",
        "imports",
        "keys",
        "links",
        "login",
        "metrics",
        "openapi.json",
        "robots.txt",
        "signup",
        "statistics",
        "statistics.csv",
        "tags",
        "user",
    }
)
"""Every path segment under `/` or `/api/` that the service itself answers."""
KEPT_FREE = frozenset({"admin", "import"})
"""What the service may answer one day: no new alias may stand in its way."""
SHORTEST_ALIAS, LONGEST_ALIAS = 3, 64

_CODES = len(ALPHABET) ** LENGTH
_CODE = re.compile(rf"[a-zA-Z0-9]{{{LENGTH}}}")
_ALIAS = re.compile(rf"[a-zA-Z0-9_-]{{{SHORTEST_ALIAS},{LONGEST_ALIAS}}}")


def generate() -> str:
    """Return a random code from a cryptographic source, never one that reads as a reserved word."""
    while True:
        rest = secrets.randbelow(_CODES)
        code = ""
        for _ in range(LENGTH):
            rest, digit = divmod(rest, len(ALPHABET))
            code += ALPHABET[digit]
        if code.lower() not in RESERVED:
            return code


def is_code(text: str) -> bool:
    """Tell whether this could be a generated code."""
    return _CODE.fullmatch(text) is not None


def is_reserved(text: str) -> bool:
    """Tell whether the service itself answers under this word."""
    return text in RESERVED


def is_alias(text: str) -> bool:
    """Tell whether a link could have this as its alias, in whatever case, or as its code.

    An API key that was pasted where a code belongs is none, and gets into no cache.
    """
    return _ALIAS.fullmatch(text) is not None and not is_key(text)


def accept_alias(text: str) -> str:
    """Return an alias as it is kept; raise InvalidAlias or ReservedWord."""
    if not is_alias(text):
        raise InvalidAlias(
            f"an alias has {SHORTEST_ALIAS} to {LONGEST_ALIAS} letters without accents, digits,"
            " hyphens and underscores"
        )
    alias = text.lower()
    if alias in RESERVED or alias in KEPT_FREE:
        raise ReservedWord
    return alias
