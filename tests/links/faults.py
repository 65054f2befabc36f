"""What breaks while links are changed; each fault makes the changes itself, at its worst moment.

A fault gives, by code, the moment from which the 5 s run: when the answer had come, or for a worker
that did not live to give one, when the change was seen to be committed.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil
import requests

from tests.harness.proxy import Proxy
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.links.fleet import WAIT, create, follow

OLD, NEW = "https://old.example/", "https://new.example/"
_CHANGES: tuple[tuple[str, str, dict[str, Any] | None, str | int], ...] = (
    ("PATCH", "", {"url": NEW}, NEW),
    ("PATCH", "", {"rules": [{"if": {"device": "desktop"}, "url": NEW}]}, NEW),
    ("PATCH", "", {"expires_at": "2020-01-01T00:00:00Z"}, 410),
    ("POST", "/disable", None, 410),
    ("DELETE", "", None, 410),
)
"""Method, what is behind the code, the body, and what the link answers afterwards."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A link that leads to OLD, and what is going to be done to it."""

    code: str
    method: str
    behind: str
    body: dict[str, Any] | None
    said: str | int


@dataclass(frozen=True, slots=True)
class Parts:
    """Two instances; both reach Redis through a proxy, and the first one PostgreSQL too."""

    services: Sequence[Service]
    redis: Proxy
    postgres: Proxy
    valkey: Valkey
    database: Database

    def restore(self) -> None:
        """Make everything whole again."""
        self.redis.restore()
        self.postgres.restore()
        for service in self.services:
            service.await_ready()


class Scene:
    """Links of somebody's, one for each way of changing one."""

    def __init__(self, parts: Parts, bearer: dict[str, str]) -> None:
        self.parts = parts
        self._bearer = bearer
        self.links = [
            Changed(create(parts.services[1], bearer, url=OLD, title="x"), *change)
            for change in _CHANGES
        ]

    @property
    def codes(self) -> list[str]:
        """Return the links' codes."""
        return [link.code for link in self.links]

    def warm(self) -> None:
        """Let every worker, as far as chance goes, and Redis hold the links."""
        for service in self.parts.services:
            for code in self.codes * 4:
                assert follow(service, code).headers["Location"] == OLD

    def change(self, services: Sequence[Service] | None = None) -> dict[str, float]:
        """Change all links at once and return when each answer had come."""
        among = services or self.parts.services
        with ThreadPoolExecutor(len(self.links)) as pool:
            return dict(pool.map(lambda link: (link.code, self._change(link, among)), self.links))

    def _change(self, link: Changed, among: Sequence[Service]) -> float:
        deadline = time.monotonic() + WAIT
        while True:
            url = f"{random.choice(among).url}/api/links/{link.code}{link.behind}"
            answer = self.ask(link, url)
            if answer is not None and answer.ok:
                return time.monotonic()
            assert time.monotonic() < deadline, answer and answer.text

    def ask(self, link: Changed, url: str) -> requests.Response | None:
        """Ask for a change; None if whoever was asked died of it."""
        try:
            return requests.request(
                link.method, url, json=link.body, headers=self._bearer, timeout=WAIT
            )
        except requests.RequestException:
            return None

    def entries(self) -> dict[str, bytes]:
        """Return what Redis holds of these links, and of changes."""
        with self.parts.valkey.connect() as client:
            keys = [f"shortener:link:{code}" for code in self.codes] + ["shortener:feed"]
            return {key: value for key in keys if (value := client.dump(key))}

    def put_back(self, entries: dict[str, bytes]) -> None:
        """Let Redis hold what it held before, as one that was restored or failed over."""
        with self.parts.valkey.connect() as client:
            for key, value in entries.items():
                client.restore(key, 60_000, value, replace=True)

    def forget(self) -> None:
        """Take the links out of Redis."""
        with self.parts.valkey.connect() as client:
            client.delete(*(f"shortener:link:{code}" for code in self.codes))


Fault = Callable[[Scene], dict[str, float]]


def nothing(scene: Scene) -> dict[str, float]:
    """Break nothing."""
    return scene.change()


def redis_is_away(scene: Scene) -> dict[str, float]:
    """Redis refuses connections at the moment of the change, and is back with the old entries."""
    scene.parts.redis.refuse()
    changed = scene.change()
    time.sleep(random.uniform(0, 1))
    scene.parts.redis.restore()
    return changed


def redis_is_frozen(scene: Scene) -> dict[str, float]:
    """Redis answers nothing at the moment of the change, and is back with the old entries."""
    scene.parts.redis.hang()
    changed = scene.change()
    time.sleep(random.uniform(0, 1))
    scene.parts.redis.restore()
    return changed


def redis_forgets_the_change(scene: Scene) -> dict[str, float]:
    """Redis takes the change, and then holds again what it held before: at once, and once more."""
    before = scene.entries()
    changed = scene.change()
    scene.put_back(before)
    time.sleep(random.uniform(0, 3))
    scene.put_back(before)
    return changed


def the_worker_dies(scene: Scene) -> dict[str, float]:
    """Whoever makes the change is killed between the commit and the cache.

    Stopped while the statement waits for a lock of ours: then it commits, and nobody hears of it.
    """
    service = scene.parts.services[1]
    with scene.parts.database.connect() as watching, scene.parts.database.connect() as locking:
        before = _revisions(watching, scene.codes)
        with locking.transaction():
            locking.execute("SELECT FROM urls WHERE id = ANY (%s) FOR UPDATE", (scene.codes,))
            threads = [
                threading.Thread(
                    target=scene.ask,
                    args=(link, f"{service.url}/api/links/{link.code}{link.behind}"),
                    daemon=True,
                )
                for link in scene.links
            ]
            for thread in threads:
                thread.start()
            pids = _workers_of(service, _await_waiting(watching, len(scene.links)))
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
        _await_commits(watching, scene.codes, before)
        changed = dict.fromkeys(scene.codes, time.monotonic())
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    return changed


def a_read_is_late(scene: Scene) -> dict[str, float]:
    """Reads of the old rows are under way during the change, and reach Redis after it.

    PostgreSQL gets and gives everything 0.3 s late, so the change, which another instance makes,
    is in the middle of them.
    """
    late, other = scene.parts.services
    scene.forget()
    scene.parts.postgres.delay(0.3)
    with ThreadPoolExecutor(len(scene.links)) as pool:
        reads = [pool.submit(follow, late, code) for code in scene.codes]
        time.sleep(0.45)
        changed = scene.change([other])
        for read in reads:
            read.result(WAIT)
    scene.parts.postgres.restore()
    return changed


FAULTS: list[Fault] = [
    nothing,
    redis_is_away,
    redis_is_frozen,
    redis_forgets_the_change,
    the_worker_dies,
    a_read_is_late,
]


def _revisions(connection: Any, codes: list[str]) -> dict[str, int | None]:
    rows = connection.execute("SELECT id, revision FROM urls WHERE id = ANY (%s)", (codes,))
    return dict(rows.fetchall())


def _await_commits(connection: Any, codes: list[str], before: dict[str, int | None]) -> None:
    deadline = time.monotonic() + WAIT
    while any(now == before[code] for code, now in _revisions(connection, codes).items()):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _await_waiting(connection: Any, count: int) -> set[int]:
    """Return the ports of those whose statement waits for a row, once there are so many."""
    deadline = time.monotonic() + WAIT
    while True:
        rows = connection.execute(
            "SELECT client_port FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchall()
        if len(rows) >= count:
            return {port for (port,) in rows}
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _workers_of(service: Service, ports: set[int]) -> list[int]:
    """Return the workers that have connections from these ports."""
    return [
        pid
        for pid in service.workers
        if any(
            connection.laddr.port in ports
            for connection in psutil.Process(pid).net_connections("tcp4")
        )
    ]
