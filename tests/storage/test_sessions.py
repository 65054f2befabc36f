"""A session is what the service needs, whatever the server, the database, the role or libpq say."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.config import postgres_from_env
from app.model.errors import DatabaseUnavailable
from app.model.links import PlainLink
from app.storage import session
from app.storage.database import Database
from app.storage.links import LinkTable
from app.storage.statements import Statement
from app.storage.users import UserTable
from app.targets import accept
from tests.harness.pooler import PGBOUNCER, RDS_PROXY, Pooler
from tests.harness.servers import Database as MadeDatabase
from tests.harness.servers import Databases, migrate

HOSTILE = {
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "sql_standard",
    "TimeZone": "'Asia/Kathmandu'",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "row_security": "off",
    "synchronous_commit": "off",
    "statement_timeout": "1",
    "lock_timeout": "1",
    "search_path": "nowhere",
    "enable_bitmapscan": "on",
}
SHOWN = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "row_security": "on",
    "synchronous_commit": "on",
    "statement_timeout": "5s",
    "lock_timeout": "4s",
    "search_path": "public",
    "enable_bitmapscan": "off",
}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged; whoever comes before the first connection stands waits for it."""
    return [message for message in caplog.messages if "Requests wait for" not in message]


@contextmanager
def opened(environment: dict[str, str], **more: str) -> Iterator[Database]:
    """Open a database with one connection."""
    settings = postgres_from_env({"ENV": "local", "POSTGRES_POOL_MAX": "1", **environment, **more})
    database = Database(settings, concurrent=2)
    database.open()
    try:
        yield database
    finally:
        database.close()


def show(database: Database, name: str) -> object:
    statement = Statement("SELECT current_setting(%(name)s)")
    return database.rows(statement, {"name": name}, repeatable=True)[0][0]


def alter(made: MadeDatabase, settings: dict[str, str]) -> None:
    with made.connect() as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER DATABASE {made.name} SET {name} = {value}".encode())


def target(url: str) -> Any:
    return accept(url, own_hosts=frozenset(), local=False)


@pytest.mark.parametrize("way", ["startup", "statement"])
def test_settings_of_the_database_change_nothing(
    databases: Databases, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    with databases.migrated() as made:
        alter(made, HOSTILE)
        with opened(made.environment, POSTGRES_SESSION_SETTINGS=way) as database:
            shown = {name: show(database, name) for name in HOSTILE}
            user = UserTable(database).insert("ada", "ada@e.com", "hash")
            links = LinkTable(database)
            links.insert("aaaaaa", target("https://e.com/日"), user.id)
            found = links.owned_by(user.id, 10).links

    assert shown == SHOWN
    assert user.created_at.utcoffset() is not None
    assert [(link.code, link.target) for link in found] == [("aaaaaa", "https://e.com/日")]
    assert (
        caplog.messages.count(
            "PostgreSQL's search_path does not lead to the tables: it is 'nowhere'"
        )
        == 1
    )


def test_a_search_path_that_leads_to_the_tables_is_followed(databases: Databases) -> None:
    with databases.migrated() as made:
        with made.connect() as connection:
            connection.execute("CREATE SCHEMA links")
            connection.execute("ALTER TABLE urls SET SCHEMA links")
            connection.execute("CREATE TABLE public.urls (id text)")
        alter(made, {"search_path": "links, public"})
        with opened(made.environment) as database:
            LinkTable(database).insert("aaaaaa", target("https://e.com"), None)
            found = LinkTable(database).known("aaaaaa")

    assert found == PlainLink("https://e.com")


def test_an_operator_can_still_stop_all_writing(databases: Databases) -> None:
    with databases.migrated() as made:
        alter(made, {"default_transaction_read_only": "on"})
        with opened(made.environment) as database, pytest.raises(DatabaseUnavailable) as caught:
            LinkTable(database).insert("aaaaaa", target("https://e.com"), None)

    assert "read-only" in str(caught.value.reason)


def test_variables_of_libpq_change_nothing(
    database: MadeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = {
        "PGHOSTADDR": "192.0.2.1",
        "PGSERVICE": "nobody-knows",
        "PGPASSWORD": "wrong",
        "PGCLIENTENCODING": "SQL_ASCII",
        "PGOPTIONS": "-c statement_timeout=1 -c search_path=nowhere",
        "PGDATESTYLE": "SQL, DMY",
        "PGTZ": "Asia/Kathmandu",
        "PGTARGETSESSIONATTRS": "standby",
        "PGSSLMODE": "verify-full",
        "PGREQUIREAUTH": "gss",
        "PGCHANNELBINDING": "require",
        "PGCONNECT_TIMEOUT": "none",
        "PGAPPNAME": "somebody",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PGSSLROOTCERT", "/kept")

    with opened(database.environment) as opened_one:
        shown = {name: show(opened_one, name) for name in ("client_encoding", "DateStyle")}

    assert shown == {"client_encoding": "UTF8", "DateStyle": "ISO, MDY"}
    assert not hostile.keys() & os.environ.keys()
    assert os.environ["PGSSLROOTCERT"] == "/kept"


@pytest.mark.parametrize(
    ("refusal", "named"),
    [(RDS_PROXY, "RDS Proxy takes no start parameter"), (PGBOUNCER, "the pooler takes no such")],
    ids=["rds-proxy", "pgbouncer"],
)
def test_a_pooler_that_refuses_options_is_met_half_way_and_named(
    module_database: MadeDatabase,
    caplog: pytest.LogCaptureFixture,
    refusal: tuple[str, str],
    named: str,
) -> None:
    with (
        Pooler(module_database.server.port, refusal) as pooler,
        opened(pooler.environment(module_database.environment)) as database,
    ):
        shown = {name: show(database, name) for name in ("statement_timeout", "enable_bitmapscan")}

    assert shown == {"statement_timeout": "5s", "enable_bitmapscan": "off"}
    # Refused once, and never asked again.
    assert ["options" in start for start in pooler.starts] == [True, False]
    (message,) = said(caplog)
    assert message.startswith("PostgreSQL's session settings are set by statements")
    assert named in message
    assert "POSTGRES_SESSION_SETTINGS" in message


@pytest.mark.parametrize(("way", "limit"), [("statement", "5s"), ("role", "7s")])
def test_a_pooler_whose_ways_are_known_is_never_asked(
    module_database: MadeDatabase, caplog: pytest.LogCaptureFixture, way: str, limit: str
) -> None:
    alter(module_database, {"statement_timeout": "7000"})
    with (
        Pooler(module_database.server.port, RDS_PROXY) as pooler,
        opened(
            pooler.environment(module_database.environment), POSTGRES_SESSION_SETTINGS=way
        ) as database,
    ):
        assert show(database, "statement_timeout") == limit
        # Sent as its own parameter by libpq, which poolers know.
        assert [start["client_encoding"] for start in pooler.starts] == ["UTF8"]

    assert ["options" in start for start in pooler.starts] == [False]
    assert said(caplog) == []


class TestEncodings:
    """Databases that are not in UTF-8, which nobody can change afterwards."""

    @pytest.fixture
    def made(self, databases: Databases, request: pytest.FixtureRequest) -> Iterator[MadeDatabase]:
        """Make a migrated database in the encoding of the parameter."""
        name = f"test_{request.param.lower()}"
        with databases.server.connect() as connection:
            statement = (
                f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{request.param}'"
                " LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
            )
            connection.execute(statement.encode())
        made = MadeDatabase(databases.server, name)
        migrate(made.environment)
        yield made
        with databases.server.connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    @pytest.mark.parametrize("made", ["SQL_ASCII"], indirect=True)
    def test_sql_ascii_is_said_and_text_stays_text(
        self, made: MadeDatabase, caplog: pytest.LogCaptureFixture
    ) -> None:
        with opened(made.environment) as database:
            user = UserTable(database).insert("ada", "ada@e.com", "hash")
            links = LinkTable(database)
            code = links.insert("aaaaaa", target("https://e.com/日"), user.id)
            with made.connect() as connection:
                connection.execute(
                    "UPDATE urls SET created_at = '2020-01-01';"
                    " INSERT INTO urls (id, original_url, user_id, created_at)"
                    " SELECT 'bbbbbb', E'https://e.com/caf\\xe9', id, '2019-01-01' FROM users"
                )
            found = links.owned_by(user.id, 10).links
            resolved = links.known("bbbbbb")

        assert code == ("aaaaaa", True)
        assert [link.target for link in found] == ["https://e.com/日", "https://e.com/caf%E9"]
        assert resolved == PlainLink("https://e.com/caf%E9")
        assert user.username == "ada"
        (message,) = said(caplog)
        assert "not in UTF-8: it is SQL_ASCII" in message

    @pytest.mark.parametrize("made", ["LATIN1"], indirect=True)
    def test_what_an_encoding_cannot_hold_is_named(
        self, made: MadeDatabase, caplog: pytest.LogCaptureFixture
    ) -> None:
        with opened(made.environment) as database:
            links = LinkTable(database)
            links.insert("aaaaaa", target("https://e.com/é"), None)
            with pytest.raises(DatabaseUnavailable) as caught:
                links.insert("bbbbbb", target("https://e.com/日"), None)
            assert links.known("aaaaaa") == PlainLink("https://e.com/é")

        assert caught.value.reason == "the database's encoding cannot hold a character"
        assert "not in UTF-8: it is LATIN1" in said(caplog)[0]


def test_the_lock_is_named_before_the_statement_is() -> None:
    assert session.LOCK_LIMIT < session.STATEMENT_LIMIT
    assert logging.getLogger("psycopg").level == logging.CRITICAL
