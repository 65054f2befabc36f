"""Exports and imports of a running service, whose workers and clients are killed in between."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psutil
import pytest
import requests

from app.server.client_socket import WRITE_WAIT
from tests.conftest import StartService
from tests.harness.room import MACHINE
from tests.harness.servers import Database, Databases
from tests.harness.service import ROOT, Service
from tests.transfer.client import Client
from tests.transfer.test_round_trip import sums

SMALL = 6_000
MILLION = 1_000_000
MOST_MEMORY = 150 << 20
"""Bytes that two workers may have together while a million links go through them."""
MOST_GROWTH = 50 << 20
"""Bytes that they may have more than before, however many links there are."""

_FILL = """
    INSERT INTO urls (id, original_url, user_id, created_at, digest_due, revision, changed_at,
        title, tag_ids, target_digest, expires_at)
    SELECT 'link-' || number, 'https://example.org/a/path/of/some/length/' || number, %(owner)s,
        timestamp '2024-01-01' + number * interval '1 second', false,
        CASE WHEN number %% 2 = 0 THEN 0 END,
        CASE WHEN number %% 2 = 0 THEN timestamptz '2025-01-01 00:00:00+00' END,
        CASE WHEN number %% 2 = 0 THEN 'Title of ' || number END,
        CASE WHEN number %% 10 = 0 THEN ARRAY[%(tag)s::bigint] END,
        CASE WHEN number %% 3 = 0 THEN link_target_digest(
            'https://example.org/a/path/of/some/length/' || number) END,
        CASE WHEN number %% 3 = 1 THEN timestamptz '2030-01-01 00:00:00+00' END
    FROM generate_series(1, %(links)s) AS number
"""
_FILL_COUNTS = """
    INSERT INTO link_counts (code, user_id, visits, visitors, bots, last_visit_at)
    SELECT id, user_id, 5, 3, 1, '2026-01-01 00:00:00+00' FROM urls WHERE title IS NOT NULL
"""


def fill(database: Database, owner: str, links: int) -> None:
    """Give somebody so many links, quicker than they could be made one by one."""
    with database.connect() as connection:
        (tag,) = connection.execute(
            "INSERT INTO tags (user_id, key, name) VALUES (%s, 'tenth', 'Tenth') RETURNING id",
            (owner,),
        ).fetchone() or (0,)
        with connection.transaction():
            connection.execute("SELECT set_config('shortener.tags_noted', 'on', true)")
            connection.execute(_FILL.encode(), {"owner": owner, "tag": tag, "links": links})
            connection.execute(
                "INSERT INTO link_tags SELECT tag_ids[1], id FROM urls WHERE tag_ids IS NOT NULL"
            )
            connection.execute("UPDATE tags SET links = %s", (links // 10,))
            connection.execute(_FILL_COUNTS.encode())
        connection.execute("VACUUM (ANALYZE) urls")


def sign_up(service: Service) -> tuple[str, str]:
    """Return an account's id and its token."""
    body = {"email": "owner@example.org", "password": "secret1"}
    answer = requests.post(f"{service.url}/api/signup", json=body, timeout=10).json()
    return answer["user"]["id"], answer["token"]


def begin(what: str, service: Service, token: str, file: Path) -> subprocess.Popen[bytes]:
    """Start the reference client in a process of its own."""
    command = [sys.executable, "-m", "tests.transfer.client", what, service.url, token, str(file)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def killed_at(process: subprocess.Popen[bytes], so_far: Iterator[bool]) -> None:
    """Kill a client once it has come far enough."""
    for enough in so_far:
        if enough or process.poll() is not None:
            break
        time.sleep(0.01)
    process.kill()
    process.wait(MACHINE)


def kill_a_worker(service: Service) -> None:
    """Kill a worker, as the kernel does where memory is short."""
    os.kill(service.workers[0], signal.SIGKILL)


def memory(service: Service) -> int:
    """Return the bytes that the workers have for themselves."""
    used = 0
    for pid in service.workers:
        try:
            used += psutil.Process(pid).memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return used


def grown(file: Path, size: int) -> Iterator[bool]:
    """Tell again and again whether a file has so many bytes."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        yield file.exists() and file.stat().st_size >= size


def moved(database: Database, share: float) -> Iterator[bool]:
    """Tell again and again whether an import has come so far."""
    ends = time.monotonic() + 60
    with database.connect() as connection:
        while time.monotonic() < ends:
            row = connection.execute(
                "SELECT received > size * %s FROM imports", (share,)
            ).fetchone()
            yield row is not None and row[0]


class Watch:
    """The most memory that a service's workers had, looked at again and again."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stopped = threading.Event()
        self.before = memory(service)
        self.most = 0
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(0.1):
            self.most = max(self.most, memory(self._service))


@pytest.mark.parametrize(
    "links",
    [SMALL, pytest.param(MILLION, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
def test_links_come_over_whole_though_all_are_killed_in_between(
    start_service: StartService, databases: Databases, tmp_path: Path, links: int
) -> None:
    file = tmp_path / "links.jsonl"
    with databases.migrated() as full, databases.migrated() as empty:
        source = start_service({**full.environment, "WEB_CONCURRENCY": "2"}, fresh=True)
        owner, token = sign_up(source)
        fill(full, owner, links)
        original = sums(full)
        with Watch(source) as exporting:
            killed_at(begin("export", source, token, file), grown(file, links * 50))
            again = begin("export", source, token, file)
            next((each for each in grown(file, links * 150) if each), None)
            kill_a_worker(source)
            assert again.wait(links / 1000 + 60) == 0
        source.stop()

        target = start_service({**empty.environment, "WEB_CONCURRENCY": "2"}, fresh=True)
        _, token = sign_up(target)
        with Watch(target) as importing:
            killed_at(begin("import", target, token, file), moved(empty, 0.2))
            again = begin("import", target, token, file)
            next((each for each in moved(empty, 0.5) if each), None)
            kill_a_worker(target)
            assert again.wait(links / 500 + 60) == 0
        (done,) = Client(target.url, token).imports()
        restored = sums(empty)

    figures = (exporting.before, exporting.most, importing.before, importing.most)
    (tmp_path / "memory").write_text(" ".join(str(each >> 20) for each in figures))
    assert (done["state"], done["links"], done["refused"]) == ("done", links, 0)
    assert restored == original
    for watch in (exporting, importing):
        assert watch.most - watch.before < MOST_GROWTH
        assert links == SMALL or watch.most < MOST_MEMORY


def test_an_export_that_nobody_reads_holds_little_and_is_cut_off(
    start_service: StartService, database: Database
) -> None:
    threads = {"WEB_CONCURRENCY": "1", "GUNICORN_THREADS": "4"}
    service = start_service({**database.environment, **threads}, fresh=True)
    owner, token = sign_up(service)
    fill(database, owner, 80_000)
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{service.url}/api/export"

    unread = requests.get(url, headers=headers, stream=True, timeout=30)
    with database.connect() as connection:
        held = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%'"
        ).fetchone()
    refused = requests.get(url, headers=headers, timeout=30)
    served = requests.get(f"{service.url}/api/links/link-1", headers=headers, timeout=30)
    ends = time.monotonic() + WRITE_WAIT + MACHINE
    while requests.head(url, headers=headers, timeout=30).status_code != 200:
        assert time.monotonic() < ends

    assert held == (0,)
    assert (refused.status_code, refused.json()["code"]) == (503, "TRANSFERS_BUSY")
    assert refused.headers["Retry-After"] == "2"
    assert served.status_code == 200
    with pytest.raises(requests.RequestException):
        _ = unread.content


@pytest.mark.long
def test_an_export_that_is_read_slowly_comes_whole(
    start_service: StartService, database: Database
) -> None:
    service = start_service({**database.environment, "WEB_CONCURRENCY": "1"}, fresh=True)
    owner, token = sign_up(service)
    fill(database, owner, 30_000)
    headers = {"Authorization": f"Bearer {token}"}

    begun = time.monotonic()
    answer = requests.get(f"{service.url}/api/export", headers=headers, stream=True, timeout=30)
    lines = 0
    for piece in answer.iter_content(256 * 1024):
        lines += piece.count(b"\n")
        time.sleep(0.5)  # four times as quick as is asked of a client

    assert lines == 30_000
    assert time.monotonic() - begun > WRITE_WAIT
