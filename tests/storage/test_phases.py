"""Beside the Go service, without it, and back: what each phase of a database lets both do."""

import hashlib
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from app.config import PostgresSettings, postgres_from_env
from app.links import Links
from app.model.errors import InvalidUrl
from app.storage import go_service, phase, schema
from app.storage.cache import LinkCache
from app.storage.database import Database as Store
from app.storage.links import LinkTable
from tests.harness.go_service import GoService, GoServiceError
from tests.harness.servers import Database, Databases
from tests.storage import go_schema
from tests.storage.conftest import open_store

OWNER = go_schema.OWNER
# Random characters, which PostgreSQL cannot compress below what a B-tree takes.
NOISE = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(60))
_numbers = count()


@pytest.fixture(scope="module")
def shared(databases: Databases) -> Iterator[Database]:
    """Make a database of the Go service that was expanded; each test uses targets of its own."""
    with databases.empty() as database:
        with database.connect() as connection:
            go_schema.create(connection)
        schema.migrate(settings(database))
        yield database


@pytest.fixture(scope="module")
def store(shared: Database) -> Iterator[Store]:
    """Open the pool that the tests on the shared database use."""
    store = open_store(shared)
    yield store
    store.close()


@pytest.fixture
def ours(store: Store) -> Links:
    """Make our use cases, with no cache that another test filled."""
    return use_cases(store)


@pytest.fixture
def go(shared: Database) -> Iterator[GoService]:
    """Run the Go service on the shared database."""
    with GoService(shared.environment) as service:
        yield service


@pytest.fixture
def url() -> str:
    """Return a target that no other test uses."""
    return f"https://example.com/{next(_numbers)}"


def settings(database: Database) -> PostgresSettings:
    return postgres_from_env({"ENV": "local", **database.environment})


def use_cases(store: Store) -> Links:
    return Links(LinkTable(store), LinkCache(None), own_hosts=frozenset(), local=False)


def create(links: Links, url: str, owner: object = None) -> tuple[str, bool]:
    return links.shorten(url, owner=owner, request_host="s.example")  # type: ignore[arg-type]


# --- Both at once ---


@pytest.mark.parametrize("theirs", [None, OWNER], ids=["anonymous", "owned"])
@pytest.mark.parametrize("mine", [None, OWNER], ids=["for nobody", "for an owner"])
def test_the_link_of_the_go_service_is_given_whoever_asks(
    ours: Links, go: GoService, url: str, theirs: object, mine: object
) -> None:
    made = go.create(url, theirs)  # type: ignore[arg-type]

    assert create(ours, url, mine) == (made.code, False)


def test_our_link_is_given_by_the_go_service(ours: Links, go: GoService, url: str) -> None:
    code, _ = create(ours, url, OWNER)

    assert go.create(url).code == code
    assert go.resolve(code) == url
    assert go.links_of(OWNER)[code] == url


@pytest.mark.parametrize("first", ["ours", "go"])
@pytest.mark.parametrize("owner", [None, OWNER], ids=["anonymous", "owned"])
def test_a_target_that_differs_in_the_case_of_its_host_never_fails(
    ours: Links, go: GoService, url: str, first: str, owner: object
) -> None:
    other = url.replace("example.com", "EXAMPLE.com")
    if first == "ours":
        code, _ = create(ours, url, owner)
        # The Go service compares byte for byte, and so this is another one to it.
        assert go.create(other, owner).new  # type: ignore[arg-type]
        assert create(ours, url, owner) == (code, False)
    else:
        code = go.create(url, owner).code  # type: ignore[arg-type]
        assert create(ours, other, owner) == (code, False)


@pytest.mark.parametrize("given", ["https://E{}.com/x", "e{}.com/x", "http://e{}.com:8080/x?y#z"])
def test_a_row_that_the_go_service_wrote_in_any_spelling_is_found(
    ours: Links, shared: Database, given: str
) -> None:
    number = next(_numbers)
    url, code = given.format(number), f"go{number:04}"
    with shared.connect() as connection:
        go_schema.add_link(connection, code, url)

    assert create(ours, url.lower()) == (code, False)


@pytest.mark.parametrize("host", ["президент.рф", "bücher.example", "日本語.jp"])
def test_an_international_host_is_found_before_it_has_a_digest(
    ours: Links, go: GoService, url: str, host: str
) -> None:
    target = url.replace("example.com", host)
    made = go.create(target)

    assert create(ours, target) == (made.code, False)


def test_a_row_that_gets_its_digest_is_still_given(
    ours: Links, go: GoService, url: str, shared: Database
) -> None:
    code = go.create(url).code
    schema.migrate(settings(shared))

    assert create(ours, url.replace("https", "HTTPS")) == (code, False)


def test_a_create_is_one_round_trip_whoever_made_the_link(
    ours: Links, go: GoService, url: str, statements: list[str]
) -> None:
    go.create(url)

    create(ours, url)
    create(ours, f"{url}/new")

    assert len(statements) == 2


def test_a_target_that_the_constraint_cannot_take_is_refused_with_the_reason(
    ours: Links, url: str
) -> None:
    with pytest.raises(InvalidUrl, match="longer than about 2,700 characters") as refused:
        create(ours, f"{url}/{NOISE}")

    assert refused.value.status == 400


def test_the_go_service_lists_and_resolves_what_we_made(
    ours: Links, go: GoService, url: str
) -> None:
    codes = {create(ours, f"{url}/{n}", OWNER)[0]: f"{url}/{n}" for n in range(3)}

    assert codes.items() <= go.links_of(OWNER).items()
    assert {code: go.resolve(code) for code in codes} == codes


# --- Retiring it ---


@pytest.fixture
def settled(empty_database: Database) -> PostgresSettings:
    """Make an expanded database of the Go service for one test."""
    with empty_database.connect() as connection:
        go_schema.create(connection)
    schema.migrate(settings(empty_database))
    return settings(empty_database)


def test_it_is_not_retired_while_it_is_connected(
    settled: PostgresSettings, empty_database: Database
) -> None:
    with GoService(empty_database.environment) as go:
        with pytest.raises(schema.GoServiceAtWork, match="1 sessions without a name"):
            schema.retire_go_service(settled)

        assert go.create("https://example.com/still").new


def test_it_is_not_retired_while_it_wrote_within_the_hour(
    settled: PostgresSettings, empty_database: Database
) -> None:
    with GoService(empty_database.environment) as go:
        go.create("https://example.com/just-now")

    with pytest.raises(schema.GoServiceAtWork, match="1 links written within the last hour"):
        schema.retire_go_service(settled)


def test_it_is_retired_by_force(settled: PostgresSettings, empty_database: Database) -> None:
    with GoService(empty_database.environment) as go:
        made = go.create("https://example.com/just-now")

        schema.retire_go_service(settled, force=True)

        assert go.resolve(made.code) == "https://example.com/just-now"
        with pytest.raises(GoServiceError, match="42P10"):
            go.create("https://example.com/too-late")


def test_a_prepared_create_of_ours_follows_the_phase(
    settled: PostgresSettings, empty_database: Database
) -> None:
    store = open_store(empty_database)
    links = use_cases(store)
    try:
        for number in range(10):  # prepared after five
            create(links, f"https://example.com/{number}")

        schema.retire_go_service(settled)

        assert create(links, "https://example.com/1", OWNER)[1]
        assert create(links, f"https://example.com/{NOISE}")[1]
    finally:
        store.close()


def test_a_database_that_the_go_service_never_wrote_to_is_retired_at_once(
    database: Database,
) -> None:
    with database.connect() as connection:
        assert not phase.go_service_can_write(connection)
        assert go_service.look_for_go_service(connection).rows == 0


def test_a_constraint_dropped_by_hand_retires_it(
    settled: PostgresSettings, empty_database: Database
) -> None:
    with empty_database.connect() as connection:
        connection.execute("ALTER TABLE urls DROP CONSTRAINT urls_original_url_unique")

    assert schema.migrate(settled) == schema.retiring_migrations()


# --- The way back ---


def test_it_is_readmitted_with_what_was_made_since(
    settled: PostgresSettings, empty_database: Database
) -> None:
    store = open_store(empty_database)
    try:
        schema.retire_go_service(settled)
        code, _ = create(use_cases(store), "https://example.com/since", OWNER)

        schema.readmit_go_service(settled)

        with GoService(empty_database.environment) as go:
            assert go.create("https://example.com/since").code == code
            made = go.create("https://example.com/again")
        assert create(use_cases(store), "https://EXAMPLE.com/again") == (made.code, False)
    finally:
        store.close()


def test_it_is_retired_again_after_a_way_back(
    settled: PostgresSettings, empty_database: Database
) -> None:
    schema.retire_go_service(settled)
    schema.readmit_go_service(settled)

    assert schema.retire_go_service(settled) == schema.retiring_migrations()
    with empty_database.connect() as connection:
        assert not phase.go_service_can_write(connection)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("https://example.com/a", "1 targets have more than one link"),
        (f"https://example.com/{NOISE}", "1 targets are longer than 2,704 bytes"),
    ],
    ids=["two owners", "too long"],
)
def test_it_is_not_readmitted_where_its_constraint_cannot_be(
    settled: PostgresSettings, empty_database: Database, second: str, said: str
) -> None:
    schema.retire_go_service(settled)
    store = open_store(empty_database)
    try:
        links = use_cases(store)
        create(links, "https://example.com/a")
        create(links, second, OWNER)

        with pytest.raises(schema.CannotReadmit, match=said):
            schema.readmit_go_service(settled)

        # As it was: another owner gets their own.
        create(links, "https://example.com/b")
        assert create(links, "https://example.com/b", OWNER)[1]
    finally:
        store.close()
    assert schema.migrate(settled) == []


def test_a_readmission_that_was_killed_is_cleaned_up_by_the_next_run(
    settled: PostgresSettings, empty_database: Database, database: Database
) -> None:
    schema.retire_go_service(settled)
    with empty_database.connect() as connection:
        # What it has done before its unique index is there.
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0006%'")
        connection.execute("CREATE INDEX urls_readmission_idx ON urls USING hash (original_url)")
        phase.share(connection)

    assert schema.migrate(settled) == schema.retiring_migrations()

    with empty_database.connect() as connection:
        assert _indexes(connection) == _indexes_of(database)


def test_a_constraint_given_back_by_hand_is_followed(
    settled: PostgresSettings, empty_database: Database
) -> None:
    schema.retire_go_service(settled)
    with empty_database.connect() as connection:
        connection.execute("CREATE UNIQUE INDEX by_hand ON urls (original_url)")

    schema.migrate(settled)

    store = open_store(empty_database)
    try:
        with GoService(empty_database.environment) as go:
            made = go.create("https://example.com/by-hand")
        assert create(use_cases(store), "https://example.com/by-hand", OWNER) == (made.code, False)
    finally:
        store.close()


def _indexes_of(database: Database) -> list[tuple[str]]:
    with database.connect() as connection:
        return _indexes(connection)


def _indexes(connection: psycopg.Connection) -> list[tuple[str]]:
    statement = "SELECT indexdef FROM pg_indexes WHERE tablename = 'urls' ORDER BY 1"
    return connection.execute(statement).fetchall()
