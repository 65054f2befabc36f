"""Short codes: six characters of [a-zA-Z0-9], case-sensitive."""

from __future__ import annotations

import re
import secrets
import string

LENGTH = 6
ALPHABET = string.ascii_letters + string.digits
RESERVED = frozenset(
    {
        "api",
        "apple-touch-icon-precomposed.png",
        "apple-touch-icon.png",
        "docs",
        "favicon.ico",
        "health",
        "healthz",
        "login",
        "metrics",
        "openapi.json",
        "robots.txt",
        "signup",
        "user",
    }
)
"""Every path segment under `/` or `/api/` that the service itself answers."""

_CODES = len(ALPHABET) ** LENGTH
_CODE = re.compile(rf"[a-zA-Z0-9]{{{LENGTH}}}")


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
    """Tell whether a link could have this code."""
    return _CODE.fullmatch(text) is not None


def is_reserved(text: str) -> bool:
    """Tell whether the service itself answers under this word."""
    return text in RESERVED
