"""Workers report what they see and have; doctor compares them. Two tasks, apart in all they can be.

Each fault has a row of its own, so that one pair of services shows all of them.
"""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from app.doctor.findings import Finding
from tests.doctor.command import STRONG, examine, said
from tests.doctor.conftest import Environment
from tests.doctor.pasting import paste
from tests.doctor.tasks import SHORT, A, B, await_published, await_report, task
from tests.faults.outputs import RedirectedService
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

CLOCK = Path(__file__).parents[1] / "faults" / "stepping_clock.c"
AHEAD = 30
"""Seconds by which A's clock is ahead."""
Rows = dict[str, Finding]
STOP_A = f"aws ecs stop-task --cluster tinyurl-prod --task {A} --reason doctor"
ROLL = "aws ecs update-service --cluster tinyurl-prod --service shortener --force-new-deployment"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Run a Valkey in which no other test's workers have reported."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="module")
def stores(module_database: Database, cache: Valkey) -> Environment:
    """Return what both tasks share."""
    return {**module_database.environment, **cache.environment()}


@pytest.fixture(scope="module")
def wrong_clock(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return what sets a process' clock, {} where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return {}
    folder = tmp_path_factory.mktemp("clock")
    library, offset = folder / "clock.so", folder / "offset"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(library), str(CLOCK), "-ldl"], check=True
    )
    offset.write_bytes(struct.pack("q", AHEAD))
    return {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(offset)}


def _send(service: Service, hops: str) -> None:
    """Let people ask for links that are not there, each from an address of their own."""
    for number in range(15):
        header = {"X-Forwarded-For": hops.format(number)}
        answer = requests.get(f"{service.url}/api/zzzz{number:02}", headers=header, timeout=10)
        assert answer.status_code == 404


@pytest.fixture(scope="module")
def rows(
    stores: Environment, cache: Valkey, wrong_clock: Environment
) -> Iterator[dict[str, Finding]]:
    """Return what doctor says, with B's variables, of a healthy B and an A that is not."""
    odd = {"JWT_SECRET": STRONG[::-1], "TRUSTED_PROXIES": "0", "SERVICE_VERSION": "0.9.0"}
    a = {**stores, **task(A, **odd), **wrong_clock}
    b = {**stores, **task(B, SERVICE_VERSION="1.0.0")}
    with ExitStack() as stack:
        full = stack.enter_context(Path("/dev/full").open("wb", buffering=0))
        ailing = stack.enter_context(RedirectedService(a, full))
        well = stack.enter_context(Service(b, fresh=True))
        _send(ailing, "203.0.113.{}")
        _send(well, "192.0.2.1, 8.8.4.{}")
        await_report(ailing.port, lambda report: report.stdout_unwritten >= 15)
        await_report(well.port, lambda report: report.forwarding.requests >= 15)
        await_published(cache, A, B)
        yield examine(well.environment)


def _next(row: Finding) -> str:
    assert row.advice is not None
    return row.advice.next


def test_the_workers_beside_doctor_and_those_of_all_tasks(rows: Rows) -> None:
    assert rows["workers"].found.startswith("1 of 1 report, ")
    assert rows["tasks"].found.startswith("2 tasks, 2 workers, versions apart: ")


def test_versions_apart(rows: Rows) -> None:
    assert rows["tasks"].status == "warn"
    assert f"0.9.0 in {SHORT[A]}; 1.0.0 in {SHORT[B]}" in rows["tasks"].found
    assert "describe-services" in _next(rows["tasks"])


def test_a_key_that_differs(rows: Rows) -> None:
    row = rows["same secrets"]

    assert row.status == "fail"
    assert row.found == f"JWT_SECRET differs: {SHORT[A]} | {SHORT[B]}"
    assert "logged out again and again" in said(row)
    assert _next(row) == ROLL


def test_variables_that_differ(rows: Rows) -> None:
    row = rows["same settings"]

    assert row.status == "warn"
    assert row.found == f"TRUSTED_PROXIES is 0 in {SHORT[A]} and 1 in {SHORT[B]}"


def test_a_clock_that_is_wrong(rows: Rows, wrong_clock: Environment) -> None:
    if not wrong_clock:
        pytest.skip("no compiler")
    row = rows["same clock"]

    assert row.status == "fail"
    assert row.found.startswith(f"{SHORT[A]} is ")
    assert row.found.endswith("s ahead of the others")
    assert AHEAD - 1 < float(row.found.split()[2]) < AHEAD + 1
    assert _next(row) == STOP_A


def test_proxies_that_are_not_trusted(rows: Rows) -> None:
    row = rows["proxies"]

    assert row.status == "fail"
    assert f"TRUSTED_PROXIES is 0 in {SHORT[A]}; of the last 15 requests" in row.found
    assert "all have a proxy's address (1 in all)" in row.found
    assert "one rate limit" in said(row)
    assert _next(row).startswith("Set TRUSTED_PROXIES to 1 in task-definition.json")


def test_a_standard_output_that_takes_nothing(rows: Rows) -> None:
    row = rows["stdout"]

    assert row.status == "fail"
    assert (
        f"log lines of the last minute were not taken, for 1 of 2 workers ({SHORT[A]})" in row.found
    )
    assert _next(row) == STOP_A


def test_dependencies_that_serve_both(rows: Rows) -> None:
    assert rows["dependencies"].status == "ok"
    assert rows["clients"].status == "ok"


def test_the_commands_run_as_they_are_pasted(rows: Rows, tmp_path: Path) -> None:
    for row in ("tasks", "same secrets", "same settings", "same clock", "stdout"):
        command = _next(rows[row])
        assert paste(command, tmp_path).status == 0, command


def test_no_address_and_no_secret_is_reported(rows: Rows, cache: Valkey) -> None:
    assert rows
    with cache.connect() as client:
        kept = [str(client.get(key)) for key in client.scan_iter("shortener:worker:*")]

    assert len(kept) == 2
    for text in kept:
        for told in ("203.0.113", "8.8.4", "zzzz", STRONG, STRONG[::-1], "postgres-password"):
            assert told not in text
