"""The folder that keeps a developer's data between runs."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECRETS = ("JWT_SECRET", "PASSWORD")


class FolderInUse(Exception):
    """Another run holds the folder; the text is what that run said of itself."""


class DataFolder:
    """Databases, logs and generated secrets of `make run`, readable by their owner alone."""

    def __init__(self, path: Path) -> None:
        """Make the folder if it is not there."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        """Hold the folder, leaving `holder` for others to read; FolderInUse if it is held.

        The kernel lets go of the lock whichever way this process ends.
        """
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise FolderInUse(lock.read()) from None
            lock.truncate(0)
            lock.write(holder)
            lock.flush()
            yield

    def secrets(self) -> dict[str, str]:
        """Return the random secrets of this folder, made at the first call."""
        path = self.path / "secrets.json"
        if not path.exists():
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump({name: secrets.token_urlsafe(32) for name in _SECRETS}, file)
            fresh.rename(path)
        kept: dict[str, str] = json.loads(path.read_text())
        return kept
