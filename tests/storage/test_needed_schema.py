"""What the code needs of the schema: equal to a fresh database, found on the Go service's."""

from collections.abc import Iterator

import psycopg
import pytest

from app.config import postgres_from_env
from app.storage import schema
from app.storage.needed_schema import FUNCTIONS, NEEDED
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

    tables = [each.table for each in missing if each.fact == "table"]
    assert sorted(tables) == sorted(NEEDED.keys() - {FUNCTIONS})
    assert len(missing) == len(tables) + len(NEEDED[FUNCTIONS])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            "ALTER TABLE urls RENAME COLUMN created_at TO made_at",
            "column urls.created_at (timestamp without time zone default); there is urls.made_at",
        ),
        (
            "ALTER TABLE users ALTER COLUMN username TYPE varchar(64)",
            "column users.username (text); there it is character varying(64)",
        ),
        ("ALTER TABLE urls RENAME TO links", "table urls; there is links"),
        ("DROP TABLE urls", "table urls"),
        (
            "ALTER TABLE urls DISABLE TRIGGER urls_note_change",
            "enabled trigger urls_note_change BEFORE UPDATE OF id",
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
        "ALTER TABLE urls RENAME TO links",
        'ALTER TABLE users RENAME TO "the User"',
        'ALTER TABLE users RENAME COLUMN email TO "user"',
        'ALTER TABLE users RENAME COLUMN email TO "E mail"',
        "ALTER TABLE users ALTER COLUMN username TYPE varchar(64)",
        "ALTER TABLE urls ALTER COLUMN user_id SET NOT NULL",
        "ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL",
        "ALTER TABLE urls DISABLE TRIGGER urls_note_change",
        "ALTER TABLE urls ENABLE REPLICA TRIGGER urls_note_change",
        "DROP TRIGGER urls_note_change ON urls",
        (
            "CREATE OR REPLACE TRIGGER urls_note_change AFTER DELETE ON urls FOR EACH ROW"
            " EXECUTE FUNCTION urls_note_change()"
        ),
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
    assert Missing("urls", "table").repair is None
    assert Missing("users", "column id uuid default", altered="uuid").repair is None
    assert Missing("functions", "function f() returns text").repair is None


def test_of_two_tables_with_its_columns_none_is_taken(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE copied (LIKE urls INCLUDING ALL)")
    connection.execute("ALTER TABLE urls RENAME TO links")

    first, *_ = missing_from(read_schema(connection))

    assert (str(first), first.repair) == ("table urls", None)


def test_an_index_that_only_makes_things_quick_is_told_apart(
    connection: psycopg.Connection,
) -> None:
    connection.execute("DROP INDEX users_email_lower_idx")
    connection.execute("DROP INDEX users_email_lower_key")

    unique, quick = missing_from(read_schema(connection))

    assert (unique.only_slows, quick.only_slows) == (False, True)
