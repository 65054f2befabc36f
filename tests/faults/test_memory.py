"""What one account may store, a worker's memory bears, however many read it at once."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.ports import LOOPBACK
from tests.harness.servers import Database
from tests.harness.service import Service

MIB = 1024 * 1024
LINKS = 4_000
READERS = 6
ROUNDS = 3
MOST = 300 * MIB
"""Two workers and what is beside them fit into a task of 1,024 MiB (alert MemoryHigh)."""


@pytest.fixture(scope="module")
def service(module_database: Database) -> Iterator[Service]:
    """Start one worker that this file's tests share."""
    with Service(module_database.environment, fresh=True) as service:
        yield service


@pytest.fixture(scope="module")
def token(service: Service, module_database: Database) -> str:
    """Sign up somebody whose links fill 31 MiB, and four times as much where Python holds them.

    One character beyond Unicode's first plane makes Python hold each of a text in four bytes.
    """
    answer = service.client.post(
        f"{service.url}/api/signup", json={"email": "a@example.org", "password": "secret1"}
    )
    with module_database.connect() as connection:
        # With a digest of its own each row is spared the trigger that computes it.
        connection.execute(
            "INSERT INTO urls (id, original_url, target_digest, user_id, created_at)"
            " SELECT md5(n::text), 'https://e.com/🔗' || n || repeat('x', 7970),"
            " decode(md5(n::text), 'hex'), users.id, now()"
            " FROM generate_series(1, %s) AS n, users",
            (LINKS,),
        )
    return str(answer.json()["token"])


def peak(service: Service) -> int:
    """Return the most bytes that the worker ever held."""
    (worker,) = service.workers
    for line in Path(f"/proc/{worker}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def test_six_readers_of_all_that_an_account_holds(service: Service, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}

    def read(_number: int) -> tuple[int, int]:
        answer = service.client.get(f"{service.url}/api/user/urls", headers=headers, timeout=30)
        return answer.status_code, len(answer.content)

    with ThreadPoolExecutor(READERS) as threads:
        answers = list(threads.map(read, range(READERS * ROUNDS)))

    sizes = {size for status, size in answers if status == 200}
    assert sizes
    assert max(sizes) <= 2 * MIB
    # Who does not get a turn in time is refused as ever.
    assert {status for status, _ in answers} <= {200, 503}
    assert peak(service) < MOST


def test_readers_that_do_not_read(service: Service, token: str) -> None:
    request = f"GET /api/user/urls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(READERS):
            wire = socket.create_connection((LOOPBACK, service.port))
            stack.enter_context(wire).sendall(request.encode() * ROUNDS)
        service.await_record(
            lambda record: (
                record["msg"] == "Request completed" and record["path"] == "/api/user/urls"
            )
        )
        service.client.get(f"{service.url}/healthz", timeout=55)

    assert peak(service) < MOST
