"""Servers and services for every suite."""

import gc
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness.servers import Database, Databases, PostgreSQL, Seed, Valkey
from tests.harness.service import Service

StartService = Callable[..., Service]


def pytest_configure() -> None:
    """Let SIGHUP end what tests start, also where the tests themselves run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # What a shell runs in the background ignores Ctrl-C, and so would all that tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Let the garbage collector look at no test again: half a second each time it would take."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """Run the PostgreSQL that tests share; never stop or freeze it, see `own_postgresql`."""
    folder = tmp_path_factory.mktemp("postgresql")
    with PostgreSQL(folder, durable=False, settings={"max_connections": "400"}) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgresql: PostgreSQL) -> Databases:
    """Make fresh databases on the shared server."""
    return Databases(postgresql)


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    """Make a database with the current schema for one test."""
    with databases.migrated() as database:
        yield database


@pytest.fixture(scope="module")
def module_database(databases: Databases) -> Iterator[Database]:
    """Make a database with the current schema for the tests of one file."""
    with databases.migrated() as database:
        yield database


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[Database]:
    """Make a database without any table for one test."""
    with databases.empty() as database:
        yield database


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Run the Valkey that tests share; take it through `valkey`, which empties it."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def valkey(shared_valkey: Valkey) -> Valkey:
    """Empty the shared Valkey for one test; never stop or freeze it, see `own_valkey`."""
    with shared_valkey.connect() as client:
        client.flushall()
    return shared_valkey


@pytest.fixture(scope="module")
def module_valkey(shared_valkey: Valkey) -> Valkey:
    """Empty the shared Valkey for the tests of one file: codes of other files are cached there."""
    with shared_valkey.connect() as client:
        client.flushall()
    return shared_valkey


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """Make the cluster that `own_postgresql` copies: quicker than making each anew."""
    return Seed(tmp_path_factory.mktemp("seed"))


@pytest.fixture
def own_postgresql(seed: Seed, tmp_path: Path) -> Iterator[PostgreSQL]:
    """Run a PostgreSQL that one test may stop, kill, freeze and restart."""
    server = seed.grow(tmp_path / "postgresql")
    yield server
    # Killed, not stopped: nobody needs the data, and the test may have left it in any state.
    server.kill()


@pytest.fixture
def own_database(seed: Seed, own_postgresql: PostgreSQL) -> Database:
    """Return a migrated database on a server that one test may stop, kill, freeze and restart."""
    return seed.database(own_postgresql)


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Run a Valkey that one test may stop, kill, freeze and restart."""
    with Valkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
def start_service() -> Iterator[StartService]:
    """Start services that end with the test: start_service(environment, **Service arguments)."""
    with ExitStack() as stack:

        def start(environment: Mapping[str, str | None] | None = None, **more: Any) -> Service:
            return stack.enter_context(Service(environment, **more))

        yield start


@pytest.fixture
def service(start_service: StartService, database: Database, valkey: Valkey) -> Service:
    """Start the service on a fresh database and an empty cache."""
    return start_service({**database.environment, **valkey.environment()})


LONGEST_FIRST = (
    "deploy/test_image",
    "faults",
    "deploy",
    "telemetry",
    "system",
    "visits",
    "doctor",
    "transfer",
    "browser",
    "links",
    "access",
    "cli",
    "server",
)
"""Folders whose files take long: begun last, one would keep a single core busy."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; within that the order stays as chance has it."""
    root = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(root).as_posix() if item.path.is_relative_to(root) else ""
        ranks = [rank for rank, name in enumerate(LONGEST_FIRST) if path.startswith(name)]
        return ranks[0] if ranks else len(LONGEST_FIRST)

    items.sort(key=place)
