"""API keys as text: a recognisable prefix and 256 random bits in base64url."""

from __future__ import annotations

import hashlib
import re
import secrets

PREFIX = "fon_"
"""By it secret scanners know a key of ours, and a key is told from a token."""
SHOWN = 12
"""Characters at the begin of a key by which people tell keys apart: 48 bits of 256."""

_BYTES = 32
_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)


def generate() -> str:
    """Return a new key from a cryptographic source."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def is_key(text: str) -> bool:
    """Tell whether this could be a key."""
    return _KEY.fullmatch(text) is not None


def digest(key: str) -> bytes:
    """Return what is kept of a key.

    Not a slow hash: nobody tries 2 to the power of 256 keys. Keys are looked up by it, so that no
    time that a comparison takes tells how much of a key is right.
    """
    return hashlib.sha256(key.encode()).digest()
