"""A Loki for tests: decodes gzip JSON and refuses what Loki refuses."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from email.message import Message
from typing import Any

from tests.harness.sinks import Fault, Sink

PUSH_PATH = "/loki/api/v1/push"
MOST_LABELS = 15
LONGEST_LINE = 256 * 1024
COMPLETED = "Request completed"


@dataclass(frozen=True)
class Entry:
    """One received line."""

    labels: tuple[tuple[str, str], ...]
    timestamp: int
    text: str
    metadata: dict[str, str]

    @property
    def record(self) -> dict[str, Any]:
        """The line's JSON object."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class LokiSink(Sink):
    """Keeps every line with its stream, timestamp and structured metadata.

    A line that comes again with the timestamp it had is not kept twice, as by Loki itself: who
    got no answer in time sends all of a push again.
    """

    def __init__(self, port: int = 0, fits: int | None = None) -> None:
        super().__init__(port)
        self.push_url = self.url + PUSH_PATH
        self.entries: list[Entry] = []
        self._kept: set[tuple[tuple[tuple[str, str], ...], int, str]] = set()
        self.pushes: list[int] = []
        """The number of lines of each accepted push."""
        self.fits = fits
        """With Fault.TOO_LARGE only pushes of more lines than this are refused."""

    @property
    def streams(self) -> set[tuple[tuple[str, str], ...]]:
        """The label sets seen."""
        return {entry.labels for entry in self.entries}

    @property
    def completed(self) -> list[dict[str, Any]]:
        """The records of finished requests."""
        return [entry.record for entry in list(self.entries) if COMPLETED in entry.text]

    def spared(self, body: bytes, fault: Fault) -> bool:
        """Leave small pushes alone when only large ones are to be refused."""
        if fault is not Fault.TOO_LARGE or self.fits is None:
            return False
        return sum(len(stream["values"]) for stream in _decode(body)) <= self.fits

    def accept(self, path: str, headers: Message, body: bytes) -> tuple[int, bytes, str]:
        """Take one push by Loki's rules: 204 and nothing else is success."""
        if path != PUSH_PATH or headers.get("Content-Encoding") != "gzip":
            self.errors.append(f"path {path}, headers {headers}")
            return 404, b"", "text/plain"
        entries = []
        for stream in _decode(body):
            labels = tuple(sorted(stream["stream"].items()))
            if len(labels) > MOST_LABELS or not labels:
                self.errors.append(f"labels {labels}")
                return 400, b"", "text/plain"
            for timestamp, line, *rest in stream["values"]:
                if len(line.encode()) > LONGEST_LINE:
                    self.errors.append("line too long")
                    return 400, b"", "text/plain"
                entries.append(Entry(labels, int(timestamp), line, rest[0] if rest else {}))
        for entry in entries:
            same = (entry.labels, entry.timestamp, entry.text)
            if same not in self._kept:
                self._kept.add(same)
                self.entries.append(entry)
        self.pushes.append(len(entries))
        return 204, b"", "text/plain"


def _decode(body: bytes) -> list[dict[str, Any]]:
    streams: list[dict[str, Any]] = json.loads(gzip.decompress(body))["streams"]
    return streams
