"""Two instances with two workers each, as two tasks: one database, one Redis."""

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import requests

from tests.harness.service import Service

PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"}
IN_FORCE = 5.0
"""Seconds after the answer to a change in which it is in force everywhere."""
WAIT = 30.0


@contextmanager
def fleet(*environments: Mapping[str, str]) -> Iterator[list[Service]]:
    """Run an instance for each environment, side by side."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(Service({"WEB_CONCURRENCY": "2", **environment}))
            for environment in environments
        ]


def sign_up(service: Service, name: str) -> dict[str, str]:
    """Return the header of a new user."""
    body = {"email": f"{name}@example.org", "password": "secret1"}
    answer = requests.post(f"{service.url}/api/signup", json=body, timeout=WAIT)
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def create(service: Service, bearer: dict[str, str], **fields: Any) -> str:
    """Make a link and return its code."""
    answer = requests.post(f"{service.url}/api/", json=fields, headers=bearer, timeout=WAIT)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["short_code"])


def follow(service: Service, code: str) -> requests.Response:
    """Follow a link as a person does, on a connection of its own: any worker may answer."""
    return requests.get(
        f"{service.url}/{code}", headers=PERSON, timeout=WAIT, allow_redirects=False
    )


def race(asks: int, threads: int, ask: Any) -> list[Any]:
    """Return what `ask(number)` gives for each number, many at the same moment."""
    together = threading.Barrier(threads)

    def begin() -> None:
        together.wait(WAIT)

    with ThreadPoolExecutor(threads, initializer=begin) as pool:
        return list(pool.map(ask, range(asks)))


class Watch:
    """Follows links again and again, on every instance, and notes what was answered when."""

    def __init__(self, services: Sequence[Service], codes: Sequence[str]) -> None:
        self._services = services
        self._stop = threading.Event()
        self._answers: dict[str, list[tuple[float, str | int]]] = {code: [] for code in codes}
        self._threads = [
            threading.Thread(target=self._run, args=(service,), daemon=True)
            for service in services
            for _ in range(2)
        ]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        for thread in self._threads:
            thread.join(WAIT)

    def last(self, code: str, said: str | int) -> float:
        """Return when the last request was sent that got this target or status."""
        return max((sent for sent, got in self._answers[code] if got == said), default=-math.inf)

    def until(self, code: str, said: str | int, deadline: float) -> None:
        """Wait until this was answered to each of a dozen requests in a row."""
        while [got for _, got in self._answers[code][-12:]] != [said] * 12:
            assert time.monotonic() < deadline, self._answers[code][-12:]
            time.sleep(0.02)

    def _run(self, service: Service) -> None:
        while not self._stop.is_set():
            for code, answers in self._answers.items():
                sent = time.monotonic()
                try:
                    answer = follow(service, code)
                except requests.RequestException:
                    continue  # its worker was killed
                answers.append((sent, answer.headers.get("Location") or answer.status_code))
            time.sleep(0.02)  # the machine is the services', too
