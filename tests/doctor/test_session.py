"""doctor on sessions that are not what the service needs: poolers, roles, encodings."""

from pathlib import Path

import pytest

from tests.doctor.command import examine, said
from tests.doctor.conftest import Environment
from tests.doctor.pasting import paste
from tests.harness.pooler import PGBOUNCER, RDS_PROXY, Pooler
from tests.harness.servers import Database, Databases, migrate


@pytest.mark.parametrize(
    ("refusal", "named"),
    [(RDS_PROXY, "RDS Proxy takes no start parameter"), (PGBOUNCER, "the pooler takes no such")],
    ids=["rds-proxy", "pgbouncer"],
)
def test_a_pooler_that_refuses_options_is_named(
    stored: Environment, refusal: tuple[str, str], named: str
) -> None:
    with Pooler(int(stored["POSTGRES_PORT"]), refusal) as pooler:
        rows = examine(pooler.environment(stored))

    assert rows["session"].status == "warn"
    assert named in rows["session"].found
    assert "POSTGRES_SESSION_SETTINGS" in said(rows["session"])
    # Everything else can be asked all the same.
    assert [rows[row].status for row in ("postgresql", "schema", "writes")] == ["ok"] * 3


def test_a_role_that_lacks_the_settings_gets_them_by_the_advised_command(
    stored: Environment, database: Database, tmp_path: Path
) -> None:
    with database.connect() as connection:
        connection.execute("CREATE ROLE lacking LOGIN PASSWORD 'a-secret-of-its-own'")
        connection.execute("GRANT pg_read_all_data, pg_write_all_data TO lacking")
    asked = {
        **stored,
        **database.environment,
        "POSTGRES_SESSION_SETTINGS": "role",
        "POSTGRES_USER": "lacking",
        "POSTGRES_PASSWORD": "a-secret-of-its-own",
    }
    try:
        lacking = examine(asked)["session"]
        assert lacking.advice is not None
        assert paste(lacking.advice.next, tmp_path, asked).status == 0
        mended = examine(asked)["session"]
    finally:
        with database.connect() as connection:
            connection.execute("DROP OWNED BY lacking; DROP ROLE lacking")

    assert lacking.status == "fail"
    assert "statement_timeout is 0, not 5000" in lacking.found
    assert mended.status == "ok", said(mended)


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("search_path = nowhere", "warn search_path is 'nowhere'"),
        ("session_replication_role = replica", "fail session_replication_role is replica"),
    ],
)
def test_what_is_set_for_the_database_is_taken_back_by_the_advised_command(
    stored: Environment, database: Database, tmp_path: Path, setting: str, found: str
) -> None:
    with database.connect() as connection:
        connection.execute(f"ALTER DATABASE {database.name} SET {setting}".encode())
    asked = {**stored, **database.environment}

    row = examine(asked)["session"]
    assert row.advice is not None
    assert paste(row.advice.next, tmp_path, asked).status == 0

    assert said(row).startswith(found)
    assert examine(asked)["session"].status == "ok"


def test_a_database_that_is_not_in_utf_8(stored: Environment, databases: Databases) -> None:
    name = "test_doctor_ascii"
    with databases.server.connect() as connection:
        statement = (
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'"
            " LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        connection.execute(statement.encode())
    made = Database(databases.server, name)
    try:
        migrate(made.environment)
        rows = examine({**stored, **made.environment})
    finally:
        with databases.server.connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    assert "warn the database is not in UTF-8: it is SQL_ASCII" in said(rows["session"])
    assert [rows[row].status for row in ("schema", "requests")] == ["ok", "ok"]
