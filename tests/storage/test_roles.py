"""The database's roles: two that log in, in turns, over one that owns; rehearsed there and back."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.config import postgres_from_env
from app.links import Links
from app.storage import migrator, schema
from app.storage.cache import LinkCache
from app.storage.links import LinkTable
from local import postgresql
from tests.harness.go_service import GoService
from tests.harness.servers import Database, PostgreSQL
from tests.storage import go_schema
from tests.storage.conftest import open_store

ROLES = Path(__file__).parents[2] / "deploy" / "roles.sql"
# As of a managed server: may make roles and is no superuser.
ADMINISTRATOR = "administrator"
PASSWORD = "a-password-of-the-tests"
# What releases to come may do to what each other's migrations made.
FUTURE = (
    """
    CREATE TABLE IF NOT EXISTS made_later (id bigint GENERATED ALWAYS AS IDENTITY, name text);
    CREATE OR REPLACE FUNCTION made_later() RETURNS int LANGUAGE sql AS 'SELECT 1';
    """,
    """
    ALTER TABLE made_later ADD COLUMN IF NOT EXISTS more text;
    ALTER TABLE urls ADD COLUMN IF NOT EXISTS more text;
    CREATE OR REPLACE FUNCTION made_later() RETURNS int LANGUAGE sql AS 'SELECT 2';
    """,
    """
    DROP FUNCTION IF EXISTS made_later();
    DROP TABLE IF EXISTS made_later;
    ALTER TABLE urls DROP COLUMN IF EXISTS more;
    """,
)


@pytest.fixture
def database(own_postgresql: PostgreSQL) -> Database:
    """Make the Go service's database, owned by the administrator."""
    with own_postgresql.connect() as connection:
        role = f"CREATE ROLE {ADMINISTRATOR} LOGIN CREATEROLE PASSWORD '{PASSWORD}'"
        connection.execute(role.encode())
        connection.execute(f"CREATE DATABASE production OWNER {ADMINISTRATOR}".encode())
    database = Database(own_postgresql, "production")
    with connect(database, ADMINISTRATOR) as connection:
        go_schema.create(connection)
    return database


@pytest.fixture
def expanding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of migrations that releases to come add to."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for file in migrator.EXPANDING.iterdir():
        if file.suffix in {".py", ".sql"}:
            (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(schema, "EXPANDING", folder)
    return folder


def environment(database: Database, role: str) -> dict[str, str]:
    return {**database.environment, "POSTGRES_USER": role, "POSTGRES_PASSWORD": PASSWORD}


def connect(database: Database, role: str) -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1",
        port=database.server.port,
        dbname=database.name,
        user=role,
        password=PASSWORD,
        autocommit=True,
    )


def psql(database: Database, *arguments: str) -> None:
    """Run psql as the administrator, as docs/operations.md says."""
    target = f"host=127.0.0.1 port={database.server.port} dbname={database.name}"
    command = [
        str(postgresql._binaries() / "psql"),
        *("-v", "ON_ERROR_STOP=1", "-X", "-q"),
        f"{target} user={ADMINISTRATOR}",
        *arguments,
    ]
    variables = {"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD}
    subprocess.run(command, check=True, env=variables, timeout=60)


def let_in(database: Database, role: str) -> None:
    # \password asks a terminal; it sends the same statement.
    psql(database, "-c", f"ALTER ROLE {role} LOGIN PASSWORD '{PASSWORD}'")


def keep_out(database: Database, role: str) -> None:
    psql(database, "-c", f"ALTER ROLE {role} NOLOGIN PASSWORD NULL")


def migrate(database: Database, role: str) -> list[str]:
    return schema.migrate(postgres_from_env({"ENV": "local", **environment(database, role)}))


def owners(database: Database) -> set[str]:
    with connect(database, ADMINISTRATOR) as connection:
        rows = connection.execute(
            "SELECT relowner::regrole::text FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace UNION"
            " SELECT proowner::regrole::text FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace"
        )
        return {row[0] for row in rows}


class Task:
    """One task of the service, with a connection of its own."""

    def __init__(self, database: Database, role: str) -> None:
        """Log in as the role."""
        server = Database(database.server, database.name)
        self._store = open_store(server, environment(database, role))
        self._links = Links(
            LinkTable(self._store), LinkCache(None), own_hosts=frozenset(), local=False
        )

    def create(self, url: str) -> str:
        return self._links.shorten(url, owner=None, request_host="s.example")[0]

    def stop(self) -> None:
        self._store.close()


@pytest.fixture
def go(database: Database) -> Iterator[GoService]:
    """Run the Go service, which logs in as the administrator all the time."""
    with GoService(environment(database, ADMINISTRATOR)) as service:
        yield service


def test_two_roles_take_turns_twice(database: Database, expanding: Path, go: GoService) -> None:
    psql(database, "-f", str(ROLES))
    let_in(database, "shortener_a")
    migrate(database, "shortener_a")
    running, tasks = "shortener_a", [Task(database, "shortener_a")]
    for turn, (statements, role) in enumerate(
        zip(FUTURE, ("shortener_b", "shortener_a", "shortener_b"), strict=True)
    ):
        let_in(database, role)
        # The old role's tasks go on, and new ones of it may start until the last has the new one.
        tasks += [Task(database, running), Task(database, role)]
        codes = [task.create(f"https://example.com/{turn}/{n}") for n, task in enumerate(tasks)]
        (expanding / f"090{turn}.to-come.sql").write_text(statements, encoding="utf-8")

        assert migrate(database, role) == [f"090{turn}.to-come"]

        assert [go.resolve(code) is not None for code in codes] == [True] * len(codes)
        assert go.create(f"https://example.com/{turn}/go").new
        keep_out(database, running)
        with pytest.raises(psycopg.OperationalError):
            connect(database, running)
        running = role
    for task in tasks:
        task.stop()
    assert owners(database) == {"shortener_owner"}


def test_the_owner_never_logs_in(database: Database) -> None:
    psql(database, "-f", str(ROLES))

    with connect(database, ADMINISTRATOR) as connection:
        rows = connection.execute(
            "SELECT rolcanlogin FROM pg_roles WHERE rolname LIKE 'shortener\\_%'"
        )
        # Nor do the other two before one is let in.
        assert rows.fetchall() == [(False,)] * 3


def test_the_roles_may_be_made_again_and_take_over_what_came_in_between(
    database: Database,
) -> None:
    psql(database, "-f", str(ROLES))
    with connect(database, ADMINISTRATOR) as connection:
        connection.execute("CREATE TABLE restored (id serial PRIMARY KEY)")

    psql(database, "-f", str(ROLES))

    assert owners(database) == {"shortener_owner"}


def test_what_was_migrated_by_the_administrator_is_taken_over(database: Database) -> None:
    migrate(database, ADMINISTRATOR)

    psql(database, "-f", str(ROLES))
    let_in(database, "shortener_a")

    assert migrate(database, "shortener_a") == []
    assert owners(database) == {"shortener_owner"}
