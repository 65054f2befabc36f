"""Whether secrets could be guessed."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from app.doctor.findings import Finding, Progress, Status, fail, ok
from app.doctor.situation import Situation

ROW = "secrets"
LEAST_BITS = 80
"""Bits of estimated entropy; a random secret of 32 hexadecimal digits has over 100."""
SHORTEST_PASSWORD = 12
MAKE_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"

# Where one word begins another, the longer one comes first.
_WORDS = re.compile(
    "0123456789abcdef|abcdef|admin|and|backend|change|code|default|demo|development|dev|example|"
    "fixme|fonsecaaso|foobar|for|generate|go|here|hs256|insecure|is|jwt|key|letmein|local|long|"
    "master|me|must|my|not|of|only|org|our|passwd|password|passw0rd|phrase|placeholder|please|"
    "postgresql|postgres|production|prod|random|redis|replace|sample|secret|server|service|"
    "shared|shortener|short|signing|sign|staging|string|super|temporary|testing|tests|test|the|"
    "this|tinyurl|todo|token|unsafe|url|user|very|welcome|with|your",
    re.IGNORECASE,
)
_SHORTEST_RUN = 4


def check_secrets(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Judge JWT_SECRET and the passwords; say how weak, never what they are."""
    del progress
    unusable = situation.unusable(ROW, "JWT_SECRET", "POSTGRES_PASSWORD")
    if unusable:
        yield unusable
        return
    weak = [*_token_key(situation), *_passwords(situation)]
    if not weak:
        size = len(situation.settings.jwt_secret.encode())
        yield ok(ROW, f"JWT_SECRET has {size} bytes without a pattern; passwords differ from it")
        return
    cause = "made by hand, copied from an example, or used for two things: it can be guessed"
    worst = fail(ROW, "; ".join(weak), cause, _replace(situation, weak[0]))
    # On a developer's machine nobody is at risk.
    yield Finding(ROW, Status.WARN, worst.found, worst.advice) if situation.local else worst


def _replace(situation: Situation, first: str) -> str:
    if situation.local or not first.startswith("JWT_SECRET"):
        return MAKE_KEY
    # A new key alone would sign everybody out: the guide keeps the old one for a day.
    return "Rotate the key of the tokens as docs/operations.md says under Rotating secrets"


def _token_key(situation: Situation) -> Iterator[str]:
    secret = situation.settings.jwt_secret
    redis = situation.settings.redis
    if secret == situation.settings.postgres.password:
        yield "JWT_SECRET is the database's password"
    if redis and secret == redis.password:
        yield "JWT_SECRET is the password of Redis"
    bits = estimated_bits(secret)
    if bits < LEAST_BITS:
        yield f"JWT_SECRET has a pattern or known words (worth {bits:.0f} bits of {LEAST_BITS})"


def _passwords(situation: Situation) -> Iterator[str]:
    if situation.local:
        return  # whoever can reach loopback is already in
    database = situation.settings.postgres
    if database.password == database.user:
        yield "POSTGRES_PASSWORD is the user's name"
    elif _is_weak_password(database.password):
        yield "POSTGRES_PASSWORD is short or a known word"
    redis = situation.settings.redis
    if redis and redis.password and _is_weak_password(redis.password):
        yield "REDIS_PASSWORD is short or a known word"


def _is_weak_password(password: str) -> bool:
    return len(password) < SHORTEST_PASSWORD or estimated_bits(password) < LEAST_BITS / 4


def estimated_bits(secret: str) -> float:
    """Estimate the entropy of what is left without repetition, sequences and known words."""
    left = _WORDS.sub("", _without_runs(_period(secret)))
    return len(left) * _bits_per_character(left)


def _period(secret: str) -> str:
    """Return the part whose repetition the secret is."""
    length = (secret + secret).find(secret, 1)
    return secret[:length] if length > 0 else secret


def _without_runs(secret: str) -> str:
    """Leave out runs such as aaaa, 1234 and fedc."""
    kept: list[str] = []
    start = 0
    while start < len(secret):
        end = start + 2
        step = ord(secret[start + 1]) - ord(secret[start]) if end <= len(secret) else 9
        while end < len(secret) and ord(secret[end]) - ord(secret[end - 1]) == step:
            end += 1
        if abs(step) <= 1 and end - start >= _SHORTEST_RUN:
            start = end
        else:
            kept.append(secret[start])
            start += 1
    return "".join(kept)


def _bits_per_character(text: str) -> float:
    shares = [count / len(text) for count in Counter(text).values()]
    return abs(sum(share * math.log2(share) for share in shares))
