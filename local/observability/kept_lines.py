"""The last log lines, in the place of Loki: pushed as to Loki, asked for as Loki is asked."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_LINES = 50_000

_QUERY = re.compile(r"\s*\{(?P<labels>[^{}]*)\}(?P<filters>.*)", re.DOTALL)
_MATCHER = re.compile(r'\s*(?P<name>\w+)\s*(?P<how>=~|=)\s*"(?P<value>[^"\\]*)"\s*(?:,|$)')
_FILTER = re.compile(
    r'\s*(?:\|=\s*"(?P<text>[^"\\]*)"|\|\s*(?P<name>\w+)\s*=\s*"(?P<value>[^"\\]*)")'
)


class UnknownQuery(ValueError):
    """The query asks for more than these few things; the text says what is understood."""

    def __init__(self) -> None:
        super().__init__(
            'understood: {label="value", other=~"a|b"} followed by |= "text" or | name="value"'
        )


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line with its stream's labels and its structured metadata; nanoseconds since the epoch."""

    labels: Mapping[str, str]
    timestamp: int
    text: str
    metadata: Mapping[str, str]


class KeptLines:
    """The newest lines; older ones make room."""

    def __init__(self, most: int = MOST_LINES) -> None:
        self._lines: deque[LogLine] = deque(maxlen=most)
        self._lock = threading.Lock()

    def push(self, body: bytes) -> None:
        """Keep what a push (JSON, already unpacked) brings; ValueError if it is none."""
        try:
            lines = list(_pushed(json.loads(body)))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(repr(error)) from error
        with self._lock:
            self._lines.extend(lines)

    def find(self, query: str, start: int, end: int, limit: int) -> list[dict[str, Any]]:
        """Return streams as Loki's query_range does, the newest lines first.

        Times in nanoseconds, the end not included. Errors: UnknownQuery.
        """
        wanted = _compiled(query)
        with self._lock:
            lines = list(self._lines)
        found = [line for line in lines if start <= line.timestamp < end and wanted(line)]
        found.sort(key=lambda line: line.timestamp, reverse=True)
        return [
            {
                "stream": {**line.labels, **line.metadata},
                "values": [[str(line.timestamp), line.text]],
            }
            for line in found[:limit]
        ]


def _pushed(body: Mapping[str, Any]) -> Iterator[LogLine]:
    for stream in body["streams"]:
        labels = dict(stream["stream"])
        for timestamp, text, *rest in stream["values"]:
            yield LogLine(labels, int(timestamp), str(text), dict(rest[0]) if rest else {})


def _compiled(query: str) -> Callable[[LogLine], bool]:
    whole = _QUERY.fullmatch(query)
    if whole is None:
        raise UnknownQuery
    matchers = list(_parts(_MATCHER, whole["labels"]))
    filters = list(_parts(_FILTER, whole["filters"]))

    def wanted(line: LogLine) -> bool:
        return all(_matches(each, line) for each in matchers) and all(
            each["text"] in line.text
            if each["text"] is not None
            else line.metadata.get(each["name"]) == each["value"]
            for each in filters
        )

    return wanted


def _parts(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    place = 0
    while text[place:].strip():
        found = pattern.match(text, place)
        if found is None:
            raise UnknownQuery
        yield found
        place = found.end()


def _matches(matcher: re.Match[str], line: LogLine) -> bool:
    held = line.labels.get(matcher["name"], "")
    if matcher["how"] == "=":
        return held == matcher["value"]
    try:
        return re.fullmatch(matcher["value"], held) is not None
    except re.error:
        raise UnknownQuery from None
