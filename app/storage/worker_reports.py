"""Where workers leave their reports: a folder on this machine, and Redis for the other machines.

The folder needs nothing that could be away. Redis is asked by whoever compares tasks; a task whose
Redis is away is not seen there. Neither can be read from outside, and nothing secret is in a
report (app/fingerprints.py).
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import redis

from app.model.worker_reports import WorkerReport
from app.storage.redis import KEY_PREFIX

_INDEX = f"{KEY_PREFIX}workers"
_KEY = f"{KEY_PREFIX}worker:"
LIFETIME = 60
"""Seconds after which a worker that no longer reports is forgotten."""
MOST_READ = 1000
"""Workers; ten times what a deployment at full scale has."""
_LONGEST = 65_536
"""Bytes of a report; a real one has a few thousand."""

Aged = tuple[WorkerReport, float]
"""A report and how many seconds ago it was left."""


class ReportFolder:
    """The reports of the workers that serve one port of this machine."""

    def __init__(self, port: int) -> None:
        self._path = Path(tempfile.gettempdir(), f"shortener-{port}")

    def write(self, report: WorkerReport) -> None:
        """Leave a report, whole or not at all; OSError where the folder is not to be had.

        Whoever may log in here may read it: by ECS Exec doctor runs as a root that has no more
        rights than others.
        """
        self._own()
        fresh = self._path / f".{report.slot}.{os.getpid()}"
        fresh.write_bytes(msgspec.json.encode(report))
        fresh.chmod(0o644)
        fresh.replace(self._file(report.slot))

    def remove(self, slot: int) -> None:
        """Take a report away, and the folder with the last one."""
        with contextlib.suppress(OSError):
            self._file(slot).unlink()
            self._path.rmdir()

    def living(self) -> list[Aged]:
        """Return the reports of workers whose processes are there."""
        return [(report, age) for report, age in self._read() if _exists(report.pid)]

    def _read(self) -> list[Aged]:
        """Return all reports of the folder's owner, those of dead workers included."""
        found: list[Aged] = []
        with contextlib.suppress(OSError):
            owner = self._path.lstat().st_uid
            for file in sorted(self._path.glob("worker-*.json")):
                kept = file.lstat()
                if stat.S_ISREG(kept.st_mode) and kept.st_uid == owner:
                    report = _decoded(file.read_bytes())
                    found += [(report, time.time() - kept.st_mtime)] if report else []
        return found

    def _file(self, slot: int) -> Path:
        return self._path / f"worker-{slot}.json"

    def _own(self) -> None:
        """Make the folder, or make sure that it is ours: others may write to /tmp as well."""
        with contextlib.suppress(FileExistsError):
            self._path.mkdir(mode=0o755)
            self._path.chmod(0o755)
        kept = self._path.lstat()
        if not stat.S_ISDIR(kept.st_mode) or kept.st_uid != os.geteuid():
            message = f"{self._path} is not ours"
            raise PermissionError(message)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True


def publish(client: redis.Redis, report: WorkerReport) -> None:
    """Leave a report in Redis for a minute, stamped with Redis' own time."""
    now = clock(client)
    client.set(_KEY + report.name, msgspec.json.encode(report).decode(), ex=LIFETIME)
    client.zadd(_INDEX, {report.name: now})
    client.zremrangebyscore(_INDEX, "-inf", now - LIFETIME)
    client.expire(_INDEX, 2 * LIFETIME)


def withdraw(client: redis.Redis, name: str) -> None:
    """Take the report of a worker that ends out of Redis."""
    client.delete(_KEY + name)
    client.zrem(_INDEX, name)


def read_published(client: redis.Redis) -> list[Aged]:
    """Return what the workers of all tasks have left in Redis; raises redis.RedisError."""
    now = clock(client)
    listed: Any = client.zrevrangebyscore(
        _INDEX, "+inf", now - LIFETIME, start=0, num=MOST_READ, withscores=True
    )
    if not listed:
        return []
    bodies: Any = client.mget([_KEY + _text(name) for name, _ in listed])
    found: list[Aged] = []
    for body, (_, score) in zip(bodies, listed, strict=True):
        report = _decoded(_text(body).encode()) if body else None
        found += [(report, now - float(score))] if report else []
    return sorted(found, key=lambda aged: (aged[0].task, aged[0].slot))


def clock(client: redis.Redis) -> float:
    """Return Redis' time, in seconds since the epoch."""
    told: Any = client.time()
    return float(told[0]) + float(told[1]) / 1e6


def _decoded(body: bytes) -> WorkerReport | None:
    """Return a report, or None for what is none: an older release's, or somebody else's."""
    if len(body) > _LONGEST:
        return None
    try:
        return msgspec.json.decode(body, type=WorkerReport)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
