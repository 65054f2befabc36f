"""A healthy world around the service, for one test to break."""

from collections.abc import Iterator
from functools import partial

import pytest

from local.ports import free_port
from tests.conftest import StartService
from tests.doctor.command import STRONG
from tests.doctor.loki_query import LokiQueries
from tests.harness.servers import Database, Valkey
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink

Environment = dict[str, str]


@pytest.fixture
def start_service(start_service: StartService) -> StartService:
    """Start services that are found by their command line, and asked for their variables."""
    return partial(start_service, fresh=True)


@pytest.fixture
def otlp() -> Iterator[OtlpSink]:
    """Run an OTLP collector."""
    with OtlpSink() as sink:
        yield sink


@pytest.fixture
def loki() -> Iterator[LokiSink]:
    """Run the side of Loki that takes lines."""
    with LokiSink() as sink:
        yield sink


@pytest.fixture
def queries(loki: LokiSink) -> Iterator[LokiQueries]:
    """Run the side of Loki that answers queries."""
    with LokiQueries(loki) as server:
        yield server


@pytest.fixture
def plain() -> Environment:
    """Return an environment that makes sense and leads nowhere."""
    return {
        "ENV": "local",
        "PORT": str(free_port()),
        "JWT_SECRET": STRONG,
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PORT": str(free_port()),
        "POSTGRES_PASSWORD": STRONG[::-1],
    }


@pytest.fixture
def stored(plain: Environment, module_database: Database) -> Environment:
    """Return an environment with a migrated database that the tests of one file share."""
    return {**plain, **module_database.environment}


@pytest.fixture
def observed(otlp: OtlpSink, loki: LokiSink, queries: LokiQueries) -> Environment:
    """Return where telemetry goes."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url,
        "LOKI_ENDPOINT": loki.push_url,
        "LOKI_QUERY_URL": queries.url,
    }


@pytest.fixture
def healthy(
    plain: Environment, observed: Environment, database: Database, own_valkey: Valkey
) -> Environment:
    """Return an environment with everything, and all of it works."""
    return {**plain, **observed, **database.environment, **own_valkey.environment()}
