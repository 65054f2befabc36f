"""doctor against PostgreSQL in every kind of trouble: the cause and the next command."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.doctor.findings import Finding
from app.doctor.room import RELEASED_TASKS, judge_connections
from app.doctor.situation import Options, Situation
from app.storage.inspection import Connections
from local.ports import free_port
from tests.deploy.templates import load
from tests.doctor.command import STRONG, examine, said
from tests.doctor.conftest import Environment
from tests.doctor.pasting import paste
from tests.harness.proxy import Proxy
from tests.harness.servers import ROOT, Database, PostgreSQL, Seed, migrate
from tests.storage import go_schema

REST = ["session", "schema", "connections", "writes", "clock"]


def _look(environment: Environment, options: Options | None = None) -> dict[str, Finding]:
    return examine(environment, options)


def test_a_stopped_server(stored: Environment) -> None:
    rows = _look({**stored, "POSTGRES_PORT": str(free_port())})

    assert "fail 127.0.0.1:" in said(rows["postgresql"])
    assert "refuses connections PostgreSQL is stopped" in said(rows["postgresql"])
    assert rows["postgresql"].advice
    assert rows["postgresql"].advice.next.startswith("Start PostgreSQL at 127.0.0.1:")
    assert [rows[row].status for row in REST] == ["skip"] * len(REST)
    assert rows["schema"].found == "not looked at, see postgresql"


def test_in_production_the_next_command_is_one_of_aws(stored: Environment) -> None:
    rows = _look({**stored, "ENV": "production", "POSTGRES_PORT": str(free_port())})

    assert rows["postgresql"].advice
    assert rows["postgresql"].advice.next.startswith("aws rds describe-db-instances")


def test_a_wrong_password(stored: Environment) -> None:
    rows = _look({**stored, "POSTGRES_PASSWORD": STRONG})

    assert "the user or the password was refused" in rows["postgresql"].found
    assert "Give the service the user and the password" in said(rows["postgresql"])


def test_a_password_in_production_that_is_refused_to_new_tasks_too(stored: Environment) -> None:
    settings = {"ENV": "production", "POSTGRES_PASSWORD": STRONG, "AWS_ECS_CLUSTER_NAME": "c1"}
    rows = _look({**stored, **settings})

    assert rows["postgresql"].advice
    # No service runs here, so these are the secrets of now: new tasks would get no others.
    assert rows["postgresql"].advice.next.startswith(
        "Give the server and the secret the same password"
    )


def test_a_database_that_does_not_exist(stored: Environment) -> None:
    rows = _look({**stored, "POSTGRES_DB": "nowhere"})

    assert "POSTGRES_DB or POSTGRES_USER is wrong Compare POSTGRES_DB" in said(rows["postgresql"])


def test_a_server_without_tls(stored: Environment) -> None:
    rows = _look({**stored, "POSTGRES_SSLMODE": "require"})

    assert "the server does not offer TLS" in rows["postgresql"].found
    assert "POSTGRES_SSLMODE" in said(rows["postgresql"])


def test_production_without_encryption_is_noted(stored: Environment) -> None:
    rows = _look({**stored, "ENV": "production"})

    assert rows["postgresql"].status == "warn"
    assert "POSTGRES_SSLMODE" in said(rows["postgresql"])


def test_a_connection_that_is_reset(stored: Environment) -> None:
    with Proxy(int(stored["POSTGRES_PORT"])) as proxy:
        proxy.reset()
        rows = _look(proxy.environment(stored))

    assert "fail" in said(rows["postgresql"])
    assert "the connection broke" in rows["postgresql"].found


def test_a_host_that_is_unknown(stored: Environment) -> None:
    rows = _look({**stored, "POSTGRES_HOST": "db.invalid"})

    for row in ("dns db.invalid", "postgresql"):
        assert "the name db.invalid cannot be resolved" in rows[row].found
        assert "POSTGRES_HOST is misspelt" in said(rows[row]) or "name server" in said(rows[row])


def test_a_host_that_is_known(stored: Environment) -> None:
    rows = _look({**stored, "POSTGRES_HOST": "localhost"})

    assert rows["dns localhost"].status == "ok"
    assert "127.0.0.1" in rows["dns localhost"].found
    assert rows["postgresql"].status == "ok"


def test_a_database_without_schema(stored: Environment, empty_database: Database) -> None:
    rows = _look({**stored, **empty_database.environment})

    assert rows["schema"].status == "fail"
    assert "missing: 0001.baseline, 0002.target-digest, " in rows["schema"].found
    assert "`migrate` never ran here" in said(rows["schema"])
    assert [rows[row].status for row in ("writes", "clock")] == ["ok", "ok"]


def test_a_schema_behind(stored: Environment, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0007.%'")

    rows = _look({**stored, **database.environment})

    assert rows["schema"].found == "missing: 0007.email-without-case"
    assert "`migrate` has not run for this release" in said(rows["schema"])
    assert rows["schema"].advice
    assert rows["schema"].advice.next == "migrate"


def test_the_phase_of_the_cut_over(stored: Environment, empty_database: Database) -> None:
    with empty_database.connect() as connection:
        go_schema.create(connection)
    migrate(empty_database.environment)

    shared = _look({**stored, **empty_database.environment})["schema"]
    migrate(empty_database.environment, "--retire-go", "--force")
    retired = _look({**stored, **empty_database.environment})["schema"]

    assert (shared.status, retired.status) == ("ok", "ok")
    assert shared.found.endswith("; shared with the Go service until `migrate --retire-go`")
    assert retired.found.endswith("; the Go service is retired")


def test_a_schema_ahead(stored: Environment, database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc)"
            " VALUES ('x', '0999.from-the-future', now())"
        )

    rows = _look({**stored, **database.environment})

    assert rows["schema"].status == "warn"
    assert "0999.from-the-future" in rows["schema"].found


DAMAGES = [
    # By hand, by a tool, or by a restore: nothing that the migrations would know of.
    ("local", "ALTER TABLE urls RENAME COLUMN created_at TO made_at", "there is urls.made_at"),
    ("local", "ALTER TABLE urls RENAME TO links", "table urls; there is links"),
    ("production", "ALTER TABLE urls DISABLE TRIGGER USER", "enabled trigger urls_note_change"),
    ("production", "DROP INDEX urls_anonymous_target_key", "index unique btree (target_digest)"),
]


@pytest.mark.parametrize("damaged", DAMAGES)
def test_a_schema_that_was_changed_by_hand(
    stored: Environment, database: Database, tmp_path: Path, damaged: tuple[str, str, str]
) -> None:
    env, damage, found = damaged
    environment = {**stored, **database.environment, "ENV": env}
    with database.connect() as connection:
        connection.execute(damage.encode())

    row = _look(environment)["schema"]

    assert row.status == "fail"
    assert "at head, yet without" in row.found
    assert found in row.found
    assert row.advice
    # Pasted as it stands, it helps.
    assert paste(row.advice.next, tmp_path, environment).status == 0
    assert _look(environment)["schema"].status == "ok"


def test_a_schema_that_lost_what_nothing_brings_back(
    stored: Environment, database: Database
) -> None:
    with database.connect() as connection:
        connection.execute("ALTER TABLE urls DROP COLUMN target_digest CASCADE")

    rows = _look({**stored, **database.environment})

    assert "without column urls.target_digest (bytea) and 2 more" in rows["schema"].found
    assert "Restore a copy beside it, take what is lost from there" in said(rows["schema"])
    assert rows["requests"].status == "fail"
    assert "a column is missing" in rows["requests"].found


def test_a_table_that_was_dropped(stored: Environment, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("DROP TABLE urls")

    rows = _look({**stored, **database.environment})

    assert "at head, yet without table urls" in rows["schema"].found
    assert "Restore a copy beside it" in said(rows["schema"])
    assert rows["requests"].advice
    assert rows["requests"].advice.next == "Do what the row schema advises"


def test_an_index_that_only_made_things_quick(stored: Environment, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("DROP INDEX urls_owner_newest_idx")

    assert _look({**stored, **database.environment})["schema"].status == "warn"


def test_a_read_only_database(stored: Environment, database: Database) -> None:
    with database.connect() as connection:
        statement = f"ALTER DATABASE {database.name} SET default_transaction_read_only = on"
        connection.execute(statement.encode())

    rows = _look({**stored, **database.environment})

    assert "fail transactions are read-only" in said(rows["writes"])
    assert rows["requests"].found.endswith("see writes")
    assert f"ALTER DATABASE {database.name} RESET default_transaction_read_only" in said(
        rows["writes"]
    )


TROUBLES = [
    ("53100", "the server's disk is full", "FreeStorageSpace", "Free space on the disk"),
    ("53200", "the server is out of memory", "max_locks_per_transaction", "pg_stat_activity"),
    ("53300", "the server has no connection left", "max_connections", "pg_stat_activity"),
    ("53400", "own settings is reached", "temp_file_limit", "pg_settings"),
    ("58030", "an I/O error", "its own log knows", "Read PostgreSQL's own log"),
    ("XX001", "data are damaged", "its own log knows", "Read PostgreSQL's own log"),
    ("XX002", "an index is damaged", "its own log knows", "Read PostgreSQL's own log"),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble[0])
@pytest.mark.parametrize("env", ["local", "production"])
def test_what_a_server_lacks_is_named(
    stored: Environment,
    database: Database,
    tmp_path: Path,
    env: str,
    trouble: tuple[str, str, str, str],
) -> None:
    state, found, cause, then = trouble
    environment = {**stored, **database.environment, "ENV": env}
    with database.connect() as connection:
        # What the server says when it has no room for another page of the table.
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '{state}'; END $$".encode()
        )
        connection.execute("CREATE TRIGGER refuse BEFORE INSERT ON urls EXECUTE FUNCTION refuse()")

    row = _look(environment)["requests"]

    assert row.status == "fail"
    assert row.found.startswith("create: ")
    assert found in row.found
    assert row.advice
    assert cause in row.advice.cause
    if env == "local":
        assert then in row.advice.next
    if not row.advice.next[0].isupper():
        assert paste(row.advice.next, tmp_path, environment).status == 0


@pytest.mark.parametrize(
    ("shift", "status", "direction"),
    [(3, "warn", "behind"), (-3, "warn", "ahead of"), (60, "fail", "behind")],
)
def test_clocks_that_differ(
    stored: Environment, database: Database, shift: int, status: str, direction: str
) -> None:
    with database.connect() as connection:
        # Found before the server's own function by the search path.
        connection.execute(
            "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
            f" $$ SELECT pg_catalog.clock_timestamp() + interval '{shift} s' $$".encode()
        )
        path = f"ALTER DATABASE {database.name} SET search_path = public, pg_catalog"
        connection.execute(path.encode())

    rows = _look({**stored, **database.environment})

    assert rows["clock"].status == status
    assert f"s {direction} the database" in rows["clock"].found
    assert said(rows["clock"]).endswith(" date -u")


def test_pools_beyond_max_connections(stored: Environment) -> None:
    rows = _look({**stored, "WEB_CONCURRENCY": "2"}, Options(tasks=100))

    assert rows["connections"].status == "fail"
    assert (
        "tasks 100 x workers 2 x (pool 4 + 1) = 1000 of 397 (400 less 3"
        in rows["connections"].found
    )
    assert "Lower POSTGRES_POOL_MAX" in said(rows["connections"])


def test_pools_that_would_not_fit_twice_during_a_deployment(stored: Environment) -> None:
    settings = {"ENV": "production", "WEB_CONCURRENCY": "2"}
    rows = _look({**stored, **settings}, Options(tasks=30))

    assert rows["connections"].status == "warn"
    assert "during a deployment" in said(rows["connections"])


@contextmanager
def _role(database: Database, limit: int) -> Iterator[Environment]:
    role = f"limited_{database.name}"
    with database.connect() as connection:
        connection.execute(
            f"CREATE ROLE {role} LOGIN PASSWORD '{STRONG}' CONNECTION LIMIT {limit}".encode()
        )
        try:
            yield {"POSTGRES_USER": role, "POSTGRES_PASSWORD": STRONG}
        finally:
            connection.execute(f"DROP ROLE {role}".encode())


def test_no_connection_left(stored: Environment, database: Database) -> None:
    with _role(database, 0) as role:
        rows = _look({**stored, **database.environment, **role})

    assert "the server has no connection left" in rows["postgresql"].found
    assert "max_connections" in said(rows["postgresql"])
    assert "pg_stat_activity" in said(rows["postgresql"])


def test_the_limit_of_the_role_counts(stored: Environment, database: Database) -> None:
    with _role(database, 3) as role:
        rows = _look({**stored, **database.environment, **role})

    assert "= 10 of 3 " in rows["connections"].found
    assert rows["connections"].status == "fail"


def test_a_role_without_rights_to_the_schema(stored: Environment, database: Database) -> None:
    with _role(database, -1) as role:
        rows = _look({**stored, **database.environment, **role})

    assert "the user lacks a privilege" in rows["schema"].found
    assert "the role was changed" in said(rows["schema"])
    assert [rows[row].status for row in ("postgresql", "writes", "clock")] == ["ok"] * 3


def test_a_server_with_few_connections_and_most_of_them_taken(
    stored: Environment, seed: Seed, tmp_path: Path
) -> None:
    server = seed.grow(tmp_path / "postgresql")
    try:
        server.settings["max_connections"] = "10"
        server.restart()
        taken = [server.connect() for _ in range(6)]
        rows = _look({**stored, **seed.database(server).environment, "WEB_CONCURRENCY": "1"})
        for connection in taken:
            connection.close()
    finally:
        server.kill()

    assert rows["connections"].status == "warn"
    assert "= 5 of 7 (10 less 3 reserved); in use 6, ours 0" in rows["connections"].found
    assert "pg_stat_activity" in said(rows["connections"])


def test_a_server_that_is_a_standby(stored: Environment, own_postgresql: PostgreSQL) -> None:
    own_postgresql.stop()
    (own_postgresql.folder / "data" / "standby.signal").touch()
    own_postgresql.start()

    rows = _look({**stored, **own_postgresql.environment()})

    assert "fail the server is a standby" in said(rows["writes"])
    assert "failover" in said(rows["writes"])


@pytest.mark.parametrize(
    ("used", "ours", "status"), [(5, 4, "ok"), (87, 0, "ok"), (92, 89, "warn"), (94, 0, "warn")]
)
def test_what_is_judged_full(plain: Environment, used: int, ours: int, status: str) -> None:
    situation = Situation.of({**plain, "WEB_CONCURRENCY": "1"}, Options())
    now = Connections(100, 3, -1, -1, used=used, ours=ours)

    assert judge_connections("connections", now, None, situation).status == status


def test_the_released_values_are_no_reason_to_look(plain: Environment) -> None:
    released = json.loads((ROOT / "task-definition.json").read_text())["containerDefinitions"][0]
    variables = {item["name"]: item["value"] for item in released["environment"]}
    workers = {"WEB_CONCURRENCY": variables["WEB_CONCURRENCY"], "ENV": "production"}
    situation = Situation.of({**plain, **workers}, Options())
    # PostgreSQL's own default, and somebody at a prompt.
    now = Connections(100, 3, -1, -1, used=7, ours=6)

    row = judge_connections("connections", now, None, situation)

    assert row.status == "ok"
    assert "room for 9 tasks, 4 while one is replaced by another" in row.found
    assert load("service")["Parameters"]["MinTasks"]["Default"] == RELEASED_TASKS


@pytest.mark.parametrize(("running", "status"), [(4, "ok"), (5, "warn"), (10, "fail")])
def test_what_runs_is_what_counts(plain: Environment, running: int, status: str) -> None:
    situation = Situation.of({**plain, "ENV": "production", "WEB_CONCURRENCY": "2"}, Options())
    now = Connections(100, 3, -1, -1, used=10, ours=10)

    assert judge_connections("connections", now, running, situation).status == status
