"""Who closes an idle connection first: the balancer must, or requests get lost."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.conftest import StartService
from tests.faults.balancer import Balancer, needs_haproxy
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

pytestmark = [needs_haproxy, pytest.mark.timeout(150)]

# The way between balancer and target: only on a real network does a connection's end take time.
NETWORK_S = 0.25
CLIENTS = 8
# Both ends look at their idle connections about once a second: the pauses cover that.
PAUSES = [0.9 + 0.15 * step for step in range(10)]


def failures_in(url: str, seconds: float, *, enough: int) -> list[str]:
    """Ask with pauses about as long as connections stay open; list the requests that failed."""
    failed: list[str] = []
    deadline = time.monotonic() + seconds

    def client(number: int) -> None:
        pauses = itertools.cycle(PAUSES[number:] + PAUSES[:number])
        with requests.Session() as session:
            session.trust_env = False
            while time.monotonic() < deadline and len(failed) < enough:
                try:
                    status = session.get(f"{url}/zzzzzz", timeout=10).status_code
                    failed.extend([str(status)] if status != 404 else [])
                except requests.RequestException as error:
                    failed.append(type(error).__name__)
                # The pause is the thing under test.
                time.sleep(next(pauses))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_the_balancer_closes_first_and_no_request_fails(
    start_service: StartService, database: Database, tmp_path: Path
) -> None:
    """An ALB closes after 60 s, we after 75; here it is one to two: nobody waits a minute."""
    service = start_service(database.environment)
    with Proxy(service.port) as network:
        network.delay(NETWORK_S)
        with Balancer(tmp_path, {"one": network.port}, idle_s=1) as balancer:
            assert failures_in(balancer.url, 12, enough=1) == []


def test_we_close_first_and_requests_fail(
    start_service: StartService, database: Database, tmp_path: Path
) -> None:
    """Why `keepalive` must be longer than the balancer's idle timeout."""
    service = start_service(database.environment, arguments=("--keep-alive", "1"))
    with Proxy(service.port) as network:
        network.delay(NETWORK_S)
        with Balancer(tmp_path, {"one": network.port}, idle_s=60) as balancer:
            assert failures_in(balancer.url, 60, enough=1)
