"""Jobs beside the requests: one that is refused is named, and keeps no other from its work."""

from __future__ import annotations

import pytest

from app.config import postgres_from_env
from app.storage.background import Background
from app.storage.connections import BoundedConnection
from tests.harness.servers import Database
from tests.harness.sinks import eventually


class Job:
    """Runs one statement and counts how often it went well."""

    def __init__(self, statement: str) -> None:
        self._statement = statement
        self.done = 0

    def __call__(self, connection: BoundedConnection) -> None:
        connection.rows(self._statement, ())
        self.done += 1


def test_a_job_that_is_refused_is_named_and_the_next_goes_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    refused, done = Job("SELECT * FROM not_there_yet"), Job("SELECT 1")
    settings = postgres_from_env({"ENV": "local", **database.environment})
    background = Background(settings, {"Nothing is read": refused, "Nothing is done": done})
    background.start()
    eventually(lambda: done.done >= 2)
    assert refused.done == 0
    with database.connect() as connection:
        connection.execute(b"CREATE TABLE not_there_yet ()")
    eventually(lambda: refused.done >= 1)
    background.stop()

    said = [record.getMessage() for record in caplog.records]
    assert any(
        line.startswith("Nothing is read: a table is missing: run `migrate`") for line in said
    )
    assert "Nothing is read: that is over" in said
    assert not [line for line in said if line.startswith("Nothing is done")]
