"""Databases and caches for tests, on real servers."""

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from local.ports import LOOPBACK
from local.postgresql import PostgreSQL
from local.server import NoAnswer, Server, ServerError
from local.valkey import Valkey as EmbeddedValkey

__all__ = [
    "Database",
    "Databases",
    "NoAnswer",
    "PostgreSQL",
    "Seed",
    "Server",
    "ServerError",
    "Valkey",
    "migrate",
]

ROOT = Path(__file__).resolve().parents[2]
_MIGRATE_S = 55.0  # nearly all that a test has, for a busy machine


class Valkey(EmbeddedValkey):
    """The embedded Valkey, with a client for what a test does to it."""

    def connect(self) -> redis.Redis:
        """Make a client that gives up after 2 s and never tries twice."""
        return redis.Redis(
            host=LOOPBACK,
            port=self.port,
            password=self.password,
            socket_timeout=2,
            retry=Retry(NoBackoff(), retries=0),
        )


@dataclass(frozen=True)
class Database:
    """One database on a test server."""

    server: PostgreSQL
    name: str

    @property
    def environment(self) -> dict[str, str]:
        """The POSTGRES_* settings that lead here."""
        return self.server.environment(self.name)

    def connect(self) -> psycopg.Connection:
        """Open an autocommit connection as the superuser."""
        return self.server.connect(self.name)


class Databases:
    """Fresh databases on one server: empty ones, and copies of one that was migrated once."""

    _numbers = itertools.count(1)

    def __init__(self, server: PostgreSQL) -> None:
        """Settle the server; the migrated template is made at the first need."""
        self.server = server
        self._template: str | None = None
        self._lock = threading.Lock()

    @contextmanager
    def empty(self) -> Iterator[Database]:
        """Yield a database without any table, dropped afterwards."""
        with self._created("template1") as database:
            yield database

    @contextmanager
    def migrated(self) -> Iterator[Database]:
        """Yield a database with the current schema and no rows, dropped afterwards."""
        with self._created(self._migrated_template()) as database:
            yield database

    def create_migrated(self) -> Database:
        """Make a database with the current schema that lives as long as the server."""
        return Database(self.server, self._create(self._migrated_template()))

    def _migrated_template(self) -> str:
        with self._lock:
            if self._template is None:
                template = Database(self.server, self._create("template1"))
                migrate(template.environment)
                self._template = template.name
            return self._template

    @contextmanager
    def _created(self, template: str) -> Iterator[Database]:
        name = self._create(template)
        try:
            yield Database(self.server, name)
        finally:
            # FORCE: what a killed service left connected must not fail the next test.
            with self.server.connect() as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        with self.server.connect() as connection:
            statement = f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"
            connection.execute(statement.encode())
        return name


class Seed:
    """A cluster made and migrated once, of which tests get copies of their own."""

    def __init__(self, folder: Path) -> None:
        """Make it: a start and a stop of a server, about two seconds."""
        self._folder = folder
        with PostgreSQL(folder, durable=False) as server:
            self._database = Databases(server).create_migrated().name

    def grow(self, folder: Path) -> PostgreSQL:
        """Start a server on a copy."""
        folder.mkdir(parents=True)
        # cp keeps the owner (nobody, where root runs the tests); shutil does not.
        subprocess.run(["cp", "-a", str(self._folder / "data"), str(folder)], check=True)
        return PostgreSQL(folder, durable=False).start()

    def database(self, server: PostgreSQL) -> Database:
        """Return the migrated database of a copy."""
        return Database(server, self._database)


def migrate(environment: dict[str, str], *arguments: str) -> str:
    """Run the `migrate` command as an operator would; return what it printed."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("migrate")), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=_MIGRATE_S,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
    )
    if done.returncode:
        message = f"migrate ended with {done.returncode}: {done.stdout}{done.stderr}"
        raise ServerError(message)
    return done.stdout
