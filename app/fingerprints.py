"""Settings as they can be compared between workers: values, and fingerprints of secrets.

A fingerprint is six hexadecimal digits of a slow hash (scrypt, RFC 7914) under a salt of this
purpose alone. It tells that two secrets differ, and nothing of what they are: whoever has one has
to try out whole secrets at the cost of a hash each, and finds one in 16 million fitting by chance.
JWT_SECRET has 32 bytes at least, and each token is a better thing to try it on. A password may be
weak, so its salt is made with JWT_SECRET: without that nothing can be tried at all, and where the
keys differ the passwords cannot be compared.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

from app.config import Rate, Settings

KEYS = ("JWT_SECRET", "JWT_SECRET_PREVIOUS")
_SALT = b"shortener, fingerprint of a secret, 1"
_DIGITS = 6
# Names of variables that do not follow from those of the fields.
_VARIABLES = {
    "WORKERS": "WEB_CONCURRENCY",
    "THREADS": "GUNICORN_THREADS",
    "CORS_ORIGINS": "CORS_ALLOWED_ORIGINS",
    "POSTGRES_DATABASE": "POSTGRES_DB",
    "RATE_LIMITS_ENABLED": "RATE_LIMIT_ENABLED",
    "RATE_LIMITS_GENERAL": "RATE_LIMIT",
    "RATE_LIMITS_AUTH": "RATE_LIMIT_AUTH",
    "RATE_LIMITS_RESOLVE": "RATE_LIMIT_RESOLVE",
    "REDIS_HOST": "REDIS_ADDR",
}


def shown(settings: Settings) -> dict[str, str]:
    """Return every setting that is no secret, by its variable."""
    return {name: str(value) for name, value, secret in _fields(settings) if not secret}


def fingerprints(settings: Settings) -> dict[str, str]:
    """Return the fingerprint of every secret that is set, by its variable; takes a while."""
    key = settings.jwt_secret.encode()
    return {
        name: _fingerprint(
            str(value), _SALT if name in KEYS else hmac.digest(key, _SALT + name.encode(), "sha256")
        )
        for name, value, secret in _fields(settings)
        if secret and value
    }


def _fields(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Yield variable, value and whether it is a secret: what has no place in a repr is one."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        name = f"{prefix}{field.name.upper()}"
        if isinstance(value, Rate):
            value = f"{value.limit} in {value.window} s"
        elif isinstance(value, tuple):
            value = ",".join(map(str, value))
        if dataclasses.is_dataclass(value):
            yield from _fields(value, f"{name}_")
        else:
            yield _VARIABLES.get(name, name), value, not field.repr


def _fingerprint(secret: str, salt: bytes) -> str:
    # 8 MiB and some 25 ms of a thread that nobody waits for.
    digest = hashlib.scrypt(secret.encode(errors="replace"), salt=salt, n=2**13, r=8, p=1)
    return digest.hex()[:_DIGITS]


def without_credentials(url: str | None) -> str:
    """Return a URL without what stands before an @ or after a ?, both of which may be secret."""
    scheme, separator, rest = (url or "").partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2].partition('?')[0]}"
