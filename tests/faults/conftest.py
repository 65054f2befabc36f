"""The service on stores that a test may break, and must leave whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.servers import Database, Seed, Valkey
from tests.harness.service import Service


@pytest.fixture(scope="module")
def breakable_database(seed: Seed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Run a PostgreSQL for the tests of one file."""
    server = seed.grow(tmp_path_factory.mktemp("breakable") / "postgresql")
    yield seed.database(server)
    server.kill()


@pytest.fixture(scope="module")
def breakable_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Run a Valkey for the tests of one file."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="module")
def service(breakable_database: Database, breakable_valkey: Valkey) -> Iterator[Service]:
    """Run two workers on these for the tests of one file."""
    stores = {**breakable_database.environment, **breakable_valkey.environment()}
    with Service({**stores, "WEB_CONCURRENCY": "2"}) as service:
        yield service
