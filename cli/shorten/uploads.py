"""A file on its way to the service, part by part, each of which counts once.

The service keeps how far it has come; a run that was killed finds its import again by the file's
digest. After the manner of tus (tus.io).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote

from shorten.calls import UPLOAD_OFFSET, Answer, Call
from shorten.errors import Changed, Failure, Unreachable
from shorten.service import Service, expect

LARGEST_PART = 1024 * 1024
FIRST_PART = 256 * 1024
_SMALLEST_PART = 16 * 1024
_LONGEST_NAME = 256
_PART_S = 60.0
_QUICK_S = 1.0
"""A part that took less is followed by a larger one: fewer requests, and a bar that still moves."""
_IDLE_TRIES = 8
_PIECE = 1024 * 1024


def digest_of(file: BinaryIO) -> tuple[str, int]:
    """Return a file's SHA-256 and its size."""
    digest = hashlib.sha256()
    size = 0
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def import_path(identity: str, more: str = "") -> str:
    """Return the route of an import."""
    return f"/api/imports/{quote(identity, safe='')}{more}"


def open_import(
    service: Service, *, kind: str, size: int, name: str, digest: str
) -> tuple[Mapping[str, Any], bool]:
    """Return an import of the file, and whether it was begun before."""
    body = {"format": kind, "size": size, "name": name[:_LONGEST_NAME], "digest": digest}
    answer: Answer = service.create("/api/imports", body)
    return expect(answer.body, "import"), answer.status == 200


@dataclass(slots=True)
class Upload:
    """Sends the rest of a file."""

    service: Service
    file: BinaryIO
    shown: Callable[[Mapping[str, Any]], None]
    """Is called with the import after each part."""
    part: int = FIRST_PART

    def finish(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send until the service has all of it, and return the import; raise Failure."""
        begun = _mark(self.file)
        idle = 0
        while state["state"] != "done":
            before = state["offset"]
            try:
                state = self._send(state)
            except Changed as failure:
                if failure.code != "OFFSET_CONFLICT":
                    raise
                state = self._asked(state)
            except Unreachable as failure:
                if failure.status == 429:
                    raise
                self.part = max(self.part // 4, _SMALLEST_PART)
                state = self._asked(state)
            idle = 0 if state["offset"] != before else idle + 1
            if idle >= _IDLE_TRIES:
                raise Unreachable("the import does not get on")
            if _mark(self.file) != begun:
                raise Failure("the file was changed while it was being imported")
            self.shown(state)
        return state

    def _send(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        offset = int(state["offset"])
        self.file.seek(offset)
        content = self.file.read(min(self.part, LARGEST_PART))
        began = time.monotonic()
        call = Call(
            "PATCH",
            import_path(state["id"]),
            content=content,
            headers={UPLOAD_OFFSET: str(offset), "Content-Type": "application/octet-stream"},
            seconds=_PART_S,
        )
        answer = expect(self.service.call(call).body, "import")
        if time.monotonic() - began < _QUICK_S:
            self.part = min(self.part * 2, LARGEST_PART)
        found: Mapping[str, Any] = answer
        return found

    def _asked(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return how far the service has come: an answer that was lost says nothing of it."""
        found: Mapping[str, Any] = expect(self.service.get(import_path(state["id"])), "import")
        return found


def _mark(file: BinaryIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns
