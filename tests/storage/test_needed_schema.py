"""What the code needs of the schema: equal to a fresh database, found on the Go service's."""

from collections.abc import Iterator

import psycopg
import pytest

from app.config import postgres_from_env
from app.storage import schema
from app.storage.needed_schema import NEEDED
from app.storage.schema_facts import Missing, missing_from, read_schema
from tests.harness.servers import Database
from tests.storage import go_schema

# As an interrupted CREATE INDEX CONCURRENTLY leaves it.
INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{}'::regclass"


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect() as connection:
        yield connection


def test_a_database_migrated_from_nothing_has_these_facts_and_no_others(
    connection: psycopg.Connection,
) -> None:
    found = read_schema(connection)

    ours = {table: facts for table, facts in found.items() if "yoyo" not in table}
    # A new migration: copy what is printed here into NEEDED.
    assert {(table, fact) for table, facts in ours.items() for fact in facts} == {
        (table, fact) for table, facts in NEEDED.items() for fact in facts
    }


def test_the_go_services_database_has_them_once_it_is_migrated(empty_database: Database) -> None:
    with empty_database.connect() as connection:
        go_schema.create(connection)
        schema.migrate(postgres_from_env({"ENV": "local", **empty_database.environment}))

        assert missing_from(read_schema(connection)) == []


def test_an_empty_database_lacks_them_all(empty_database: Database) -> None:
    with empty_database.connect() as connection:
        missing = missing_from(read_schema(connection))

    assert len(missing) == sum(len(facts) for facts in NEEDED.values())


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            "ALTER TABLE urls RENAME COLUMN created_at TO made_at",
            "column urls.created_at (timestamp without time zone default); there is urls.made_at",
        ),
        (
            "ALTER TABLE users ALTER COLUMN username TYPE varchar(64)",
            "column users.username (text)",
        ),
        (
            "ALTER TABLE urls ALTER COLUMN user_id SET NOT NULL",
            "column urls.user_id (uuid)",
        ),
        ("DROP INDEX urls_owner_newest_idx", "index btree (user_id, created_at DESC NULLS LAST"),
        ("ALTER TABLE urls DROP CONSTRAINT urls_id_key", "index unique btree (id) of urls"),
        (
            INVALID.format("urls_anonymous_target_key"),
            "index unique btree (target_digest)",
        ),
        ("DROP FUNCTION shared_link", "function shared_link(character varying,bytea,uuid)"),
        ("DROP FUNCTION link_target_digest", "function link_target_digest(text) returns bytea"),
        (
            "ALTER TABLE urls DROP CONSTRAINT urls_user_id_fkey",
            "constraint FOREIGN KEY (user_id) REFERENCES users(id) of urls",
        ),
    ],
)
def test_what_is_damaged_is_named(connection: psycopg.Connection, damage: str, said: str) -> None:
    connection.execute(damage.encode())

    first, *_ = missing_from(read_schema(connection))

    assert str(first).startswith(said)


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE urls RENAME COLUMN created_at TO made_at",
        "ALTER TABLE users RENAME COLUMN email TO address",
        "DROP INDEX urls_owner_newest_idx",
        "DROP INDEX urls_anonymous_target_key",
        "ALTER TABLE urls DROP CONSTRAINT urls_id_key",
        "ALTER TABLE urls DROP CONSTRAINT urls_user_id_fkey",
    ],
)
def test_the_statement_that_puts_it_back_does(connection: psycopg.Connection, damage: str) -> None:
    connection.execute(damage.encode())

    (missing, *_) = missing_from(read_schema(connection))
    assert missing.repair is not None
    connection.execute(missing.repair.encode())

    assert missing_from(read_schema(connection)) == []


def test_what_is_lost_with_its_rows_has_no_such_statement() -> None:
    assert Missing("urls", "column target_digest bytea").repair is None
    assert Missing("functions", "function f() returns text").repair is None


def test_an_index_that_only_makes_things_quick_is_told_apart(
    connection: psycopg.Connection,
) -> None:
    connection.execute("DROP INDEX users_email_lower_idx")
    connection.execute("DROP INDEX users_email_lower_key")

    unique, quick = missing_from(read_schema(connection))

    assert (unique.only_slows, quick.only_slows) == (False, True)
