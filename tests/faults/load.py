"""Clients that create and resolve links without a pause, and hold the service to its word."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Self
from urllib.parse import urlsplit

import requests

from tests.harness.sinks import eventually

CREATE, RESOLVE, REDIRECT = "create", "resolve", "redirect"
_JSON = {"Content-Type": "application/json"}
PAUSE = 0.005
"""Seconds: a request takes about as long, so that half of the clients wait for an answer at any
time, and as much is left of the machine for what is asked."""
_REMEMBERED = 200
_CHECKERS = 4
_GOOD = frozenset({200, 201, 302})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what became of it; times on the monotonic clock, in seconds."""

    kind: str
    begun: float
    ended: float
    status: int | None
    """None: no whole answer came."""
    word: str
    """The answer's code word, or the kind of failure; empty for a success."""

    @property
    def good(self) -> bool:
        """The request was answered as when all is well."""
        return self.status in _GOOD

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.begun


@dataclass
class Told:
    """What the service has promised, and what it said that was not so."""

    links: dict[str, str] = field(default_factory=dict)
    """The target of every code that was acknowledged."""
    wrong: list[str] = field(default_factory=list)


class Load:
    """Threads that ask until stopped: a create for every `reads` resolves and redirects."""

    def __init__(
        self,
        url: str,
        clients: int = 4,
        *,
        reads: int = 4,
        pause: float = PAUSE,
        timeout: float = 30,
    ) -> None:
        """Settle the clients; `pause` is the time between two requests of one client."""
        self.told = Told()
        self.exchanges: list[Exchange] = []
        self._host = urlsplit(url).netloc
        self._reads, self._pause, self._timeout = reads, pause, timeout
        self._codes: list[str] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._client, name=f"load-{number}", daemon=True)
            for number in range(clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let requests under way end, and return when they have."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(self._timeout + 10)

    def since(self, begun: float, kind: str | None = None) -> list[Exchange]:
        """List what began at or after that time."""
        # They are kept in the order of their ends: what ended before then is no longer looked at.
        recent = itertools.takewhile(lambda one: one.ended >= begun, reversed(self.exchanges))
        found = [one for one in recent if one.begun >= begun and kind in {None, one.kind}]
        return found[::-1]

    def bad(self, begun: float = 0.0, *kinds: str) -> list[Exchange]:
        """List what failed, of these kinds or of all, since then."""
        return [
            exchange
            for exchange in self.since(begun)
            if not exchange.good and (not kinds or exchange.kind in kinds)
        ]

    def await_good(self, count: int = 1, kind: str | None = None, timeout: float = 30.0) -> None:
        """Wait for so many more good answers that were asked for from now on."""
        begun = time.monotonic()
        eventually(lambda: sum(one.good for one in self.since(begun, kind)) >= count, timeout)

    def await_bad(self, count: int = 1, kind: str | None = None, timeout: float = 30.0) -> None:
        """Wait for so many more failures that were asked for from now on."""
        begun = time.monotonic()
        eventually(lambda: sum(not one.good for one in self.since(begun, kind)) >= count, timeout)

    def _client(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=self._timeout)
        chance = random.Random(next(self._numbers))
        for turn in itertools.count():
            if self._stopping.wait(self._pause):
                break
            known = min(len(self._codes), _REMEMBERED)
            if turn % (self._reads + 1) == 0 or not known:
                self._create(connection)
            else:
                code = self._codes[-chance.randint(1, known)]
                self._read(connection, code, (RESOLVE, REDIRECT)[turn % 2])
            if not self.exchanges[-1].good:
                self._stopping.wait(0.01)
        connection.close()

    def _create(self, connection: http.client.HTTPConnection) -> None:
        target = f"https://example.com/{next(self._numbers)}/{time.monotonic_ns()}"
        answer = self._ask(connection, CREATE, "POST", "/api/", {"url": target})
        if answer is not None and answer.status in {200, 201}:
            code = str(json.loads(answer.body)["short_code"])
            with self._lock:
                if self.told.links.setdefault(code, target) != target:
                    self.told.wrong.append(f"{code} was given twice")
                self._codes.append(code)

    def _read(self, connection: http.client.HTTPConnection, code: str, kind: str) -> None:
        path = f"/api/{code}" if kind == RESOLVE else f"/{code}"
        answer = self._ask(connection, kind, "GET", path)
        if answer is None or answer.status not in {200, 302, 404}:
            return
        found = answer.location or json.loads(answer.body).get("url")
        if found != self.told.links[code]:
            self.told.wrong.append(f"{code} led to {found}, not to {self.told.links[code]}")

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        kind: str,
        method: str,
        path: str,
        body: Mapping[str, str] | None = None,
    ) -> Answer | None:
        answer, word = None, ""
        begun = time.monotonic()
        try:
            connection.request(method, path, json.dumps(body) if body else None, _JSON)
            response = connection.getresponse()
            answer = Answer(response.status, response.read(), response.getheader("Location"))
            word = "" if response.status in _GOOD else _code_word(answer)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            word = type(error).__name__
        status = answer.status if answer else None
        self.exchanges.append(Exchange(kind, begun, time.monotonic(), status, word))
        return answer


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes
    location: str | None


def _code_word(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["code"])
    except (ValueError, KeyError, TypeError):
        return f"not our JSON: {answer.body[:60]!r}"


def mistaken(url: str, told: Told) -> list[str]:
    """Resolve every acknowledged code and list those that do not lead to their own targets."""
    links = list(told.links.items())
    with ThreadPoolExecutor(_CHECKERS) as threads:
        parts = threads.map(
            partial(_otherwise, url), (links[n::_CHECKERS] for n in range(_CHECKERS))
        )
        return [*told.wrong, *itertools.chain.from_iterable(parts)]


def _otherwise(url: str, links: list[tuple[str, str]]) -> list[str]:
    found = []
    with requests.Session() as session:
        session.trust_env = False
        for code, target in links:
            answer = session.get(f"{url}/api/{code}", timeout=20)
            if answer.status_code != 200 or answer.json()["url"] != target:
                found.append(f"{code}: {answer.status_code} {answer.text[:200]}, not {target}")
    return found
