"""Jobs beside the requests: one that is refused is named, and keeps no other from its work."""

from __future__ import annotations

import pytest

from app.config import postgres_from_env
from app.storage.background import Background
from app.storage.connections import BoundedConnection
from tests.harness.servers import Database
from tests.harness.sinks import eventually


class Refused:
    """A job whose table is not there until somebody makes it."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, connection: BoundedConnection) -> None:
        connection.rows("SELECT * FROM not_there_yet", ())
        self.done += 1


class Done:
    """A job that counts its rounds."""

    def __init__(self) -> None:
        self.rounds = 0

    def __call__(self, connection: BoundedConnection) -> None:
        connection.rows("SELECT 1", ())
        self.rounds += 1


def test_a_job_that_is_refused_is_named_and_the_next_goes_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    refused, done = Refused(), Done()
    settings = postgres_from_env({"ENV": "local", **database.environment})
    background = Background(settings, {"Nothing is read": refused, "Nothing is done": done})
    background.start()
    eventually(lambda: done.rounds >= 2)
    assert refused.done == 0
    with database.connect() as connection:
        connection.execute(b"CREATE TABLE not_there_yet ()")
    eventually(lambda: refused.done >= 1)
    background.stop()

    said = [record.getMessage() for record in caplog.records]
    assert "Nothing is read: a table is missing: run `migrate`" in said
    assert "Nothing is read: that is over" in said
    assert not [line for line in said if line.startswith("Nothing is done")]
