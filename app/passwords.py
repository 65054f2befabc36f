"""Password hashes: Argon2id for new ones, bcrypt verified for those that exist."""

from __future__ import annotations

import threading

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from app import metrics
from app.model.errors import RateLimitExceeded

SHORTEST = 6
LONGEST = 128
"""Characters."""

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
_ARGON2 = Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1)
_BCRYPT_BYTES = 72
# Hashes of what nobody knows, random bytes that were thrown away: as new ones are made, and with
# the cost of 10 that Go's bcrypt.DefaultCost gives. Made anew at each start, they would take a
# quarter of a second of it.
_NOBODY_ARGON2 = (
    "$argon2id$v=19$m=19456,t=2,p=1$QucLl4P6XLQXAHmuGPDy6A$"
    "jJTaH6QS0d/nO+Lqj68msL966moB1ZLXCwtPqOjcb94"
)
_NOBODY_BCRYPT = "$2b$10$OQbanWbnbmLrcljoCWQEHO9kHelS3aKeeXi0r7fxdPjF50NXnMbCi"
_WAIT = 1.0


class Passwords:
    """Hash and verify passwords, at most `concurrent` at a time.

    Hashing is expensive on purpose. Who waits for a turn holds a thread of the worker as well as
    who is served, so that only `admitted` may do either: the other threads are the redirects'.
    One more, or one who does not get a turn within a second, is told to try again (429).
    """

    def __init__(self, concurrent: int, admitted: int | None = None) -> None:
        self._argon2 = _ARGON2
        self._hashes = PasswordHash((_ARGON2, BcryptHasher()))
        self._turns = _Turns(concurrent, concurrent if admitted is None else admitted)

    def hash(self, password: str) -> str:
        """Return the Argon2id hash; raise RateLimitExceeded when too many are being made."""
        with self._turns:
            return self._argon2.hash(password)

    def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether `password` belongs to the hash; None takes as long and is never right.

        One Argon2id and one bcrypt verification are made whatever is stored, so that the time
        tells neither whether an address is known nor how old the account is.
        """
        is_bcrypt = stored is not None and stored.startswith("$2")
        argon2_hash = _NOBODY_ARGON2 if stored is None or is_bcrypt else stored
        bcrypt_hash = stored if stored is not None and is_bcrypt else _NOBODY_BCRYPT
        with self._turns:
            argon2_right = self._right(password, argon2_hash)
            # bcrypt reads 72 bytes and no more: a longer password can never be the right one.
            fits = len(password.encode()) <= _BCRYPT_BYTES and "\0" not in password
            bcrypt_right = self._right(password if fits else "too long", bcrypt_hash) and fits
        if stored is None:
            return False
        return bcrypt_right if is_bcrypt else argon2_right

    def _right(self, password: str, stored: str) -> bool:
        try:
            return self._hashes.verify(password, stored)
        except Exception:  # noqa: BLE001 - an unreadable hash in the database matches nothing
            return False


class _Turns:
    def __init__(self, concurrent: int, admitted: int) -> None:
        self._places = threading.BoundedSemaphore(admitted)
        self._turns = threading.BoundedSemaphore(concurrent)
        self._concurrent = concurrent

    def __enter__(self) -> None:
        if self._places.acquire(blocking=False):
            if self._turns.acquire(timeout=_WAIT):
                return
            self._places.release()
        metrics.record_refused("passwords")
        raise RateLimitExceeded("passwords", retry_after=1, limit=self._concurrent, window=1)

    def __exit__(self, *_: object) -> None:
        self._turns.release()
        self._places.release()
