"""The master loads the code, once; a worker that could not be given it says why."""

import os
import signal
from contextlib import closing
from pathlib import Path

from tests.conftest import StartService
from tests.harness.servers import Database
from tests.harness.service import Service
from tests.harness.sinks import eventually

NAMED = {"PYTHONPROFILEIMPORTTIME": "1"}
"""Whatever process loads a module names it on standard error."""


def test_workers_and_those_that_take_their_place_are_forked_with_the_code(
    start_service: StartService, database: Database
) -> None:
    service = start_service({**database.environment, **NAMED, "WEB_CONCURRENCY": "2"})
    before = set(service.workers)
    for worker in before:
        os.kill(worker, signal.SIGTERM)
    eventually(lambda: len(set(service.workers) - before) == 2, 60)
    service.await_ready()

    loaded = [line.rpartition("|")[2].strip() for line in service.stderr.splitlines()]
    assert loaded.count("app.links") == 1
    assert loaded.count("psycopg") == 1


def test_a_worker_that_cannot_load_the_code_says_why_where_it_is_seen(
    tmp_path: Path, database: Database
) -> None:
    package = tmp_path / "segno"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('half of it was installed')")
    service = Service({**database.environment, "PYTHONPATH": str(tmp_path)})
    with closing(service):
        assert service.launch().process.wait(60) == 3
        said = [record for record in service.records if "half of it" in record.get("exception", "")]

    assert [record["msg"] for record in said] == ["Exception in worker process"]
