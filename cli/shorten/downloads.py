"""An export on its way here; where the stream is cut, it goes on behind the last whole record."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests

from shorten.calls import Call
from shorten.errors import Failure, Unreachable
from shorten.progress import Bar
from shorten.records import Records
from shorten.refusals import unreachable
from shorten.service import Service, expect

_SILENCE_S = 60.0
_PIECE = 256 * 1024
_IDLE_TRIES = 5
_FRESH_S = 24 * 3600.0
"""A part that is older is begun anew: its links may have changed meanwhile."""


@dataclass(slots=True)
class Download:
    """Writes what comes behind the records that are there."""

    service: Service
    records: Records
    write: Callable[[bytes], object]
    bar: Bar

    def finish(self) -> None:
        """Fetch until the end, over cuts; raise Failure when it does not get on."""
        idle = 0
        while True:
            before = self.records.count
            try:
                self._fetch()
            except Unreachable as failure:
                idle = 0 if self.records.count > before else idle + 1
                if idle >= _IDLE_TRIES or failure.status == 429:
                    raise
                self.service.notify(f"{failure.message}; going on behind what is here")
                time.sleep(min(idle + 1, 5))
                self.records.begin_again()
            else:
                return

    def _fetch(self) -> None:
        query = {"format": self.records.kind}
        if self.records.last is not None:
            query["after"] = self.records.last
        done = self.records.count
        with self.service.stream(Call("GET", "/api/export", query, seconds=_SILENCE_S)) as answer:
            total = answer.headers.get("X-Total-Links", "")
            if total.isdecimal() and len(total) < 16:
                self.bar.set_total(done + int(total))
            try:
                for piece in answer.iter_content(_PIECE):
                    self.write(self.records.whole(piece))
                    self.bar.show(self.records.count, self.records.count)
            except requests.RequestException as error:
                raise unreachable(self.service.url, error) from None
        if not self.records.is_whole:
            raise Unreachable(f"{self.service.url} ended the answer in the middle")


def account_mark(service: Service) -> str:
    """Return what tells this account's parts, through this key, from others'."""
    try:
        body = service.get("/api/account")
    except Failure as failure:
        if failure.status not in {400, 404}:
            raise
        return ""  # an older release, to which this is the code of a link
    key = body.get("key") or {}
    return f"{expect(body, 'account')['id']} {key.get('tag')}"


def part_path(target: Path, service: Service, kind: str, account: str) -> Path:
    """Return where an export to a file is kept until it is whole; each account has its own."""
    mark = hashlib.sha256(f"{service.url} {account} {kind}".encode()).hexdigest()[:8]
    return target.with_name(f"{target.name}.{mark}.part")


def open_part(path: Path, records: Records, *, anew: bool) -> BinaryIO:
    """Open a part for writing behind its last whole record, which `records` then knows.

    Raises Failure where another run writes it, OSError.
    """
    file = path.open("r+b", buffering=0) if path.exists() else path.open("x+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        old = time.time() - os.fstat(file.fileno()).st_mtime > _FRESH_S
        end = 0
        if not anew and not old:
            while piece := file.read(_PIECE * 4):
                end += len(records.whole(piece))
            records.begin_again()
        file.truncate(end)
        file.seek(end)
    except BlockingIOError:
        file.close()
        raise Failure(f"another export writes {path.name} just now") from None
    except BaseException:
        file.close()
        raise
    return file
