"""The service as production runs it, attacked from outside."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.harness.servers import Database, Databases, Valkey
from tests.harness.service import Service

# A busy machine is no fault of the code under test; the suite's own timeout bounds a hang.
settings.register_profile(
    "attack",
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("attack")


@pytest.fixture(scope="session")
def attacked_database(databases: Databases) -> Iterator[Database]:
    """Make the database of the attacked service."""
    with databases.migrated() as database:
        yield database


@pytest.fixture(scope="session")
def attacked(attacked_database: Database, shared_valkey: Valkey) -> Iterator[Service]:
    """Run one service for all attacks; none of them may have been a surprise to it."""
    environment = {**attacked_database.environment, **shared_valkey.environment()}
    settings = {**environment, "PUBLIC_BASE_URL": "https://s.example"}
    with Service(settings, fresh=True) as service:  # its command line is looked at
        yield service
        spoken = service.stdout + service.stderr
        assert "Traceback" not in spoken
        assert "Unexpected error" not in spoken
        assert '"level":"error"' not in spoken.replace(" ", "")
