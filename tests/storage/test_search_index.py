"""The index of owners and trigrams, where the server can have it: the embedded one cannot."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.storage import link_lists
from app.storage.link_lists import LinkLists, Listing
from bench.links import code, fill, owner
from tests.harness.servers import Database, Databases, PostgreSQL, migrate
from tests.harness.sinks import eventually
from tests.storage.conftest import open_store

OWNER = owner(0)
# Where Debian and Ubuntu keep a server of their own.
INSTALLED = [
    folder
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if Path("/usr/share/postgresql", folder.parent.name, "extension/pg_trgm.control").exists()
]
pytestmark = pytest.mark.skipif(not INSTALLED, reason="no PostgreSQL with pg_trgm is installed")


class InstalledPostgreSQL(PostgreSQL):
    """The newest server of the system's own packages."""

    locale = ("--locale=C.UTF-8",)
    cheap_logins = ()  # PostgreSQL 16 has them

    def __init__(self, folder: Path) -> None:
        """Settle the server."""
        super().__init__(folder, durable=False)
        self._binaries = INSTALLED[-1]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Make a database in which one owner has nearly all links, one of each kind to be found."""
    with (
        InstalledPostgreSQL(tmp_path_factory.mktemp("installed")) as server,
        Databases(server).migrated() as database,
    ):
        with database.connect() as connection:
            # Nearly everybody has two links, and everybody's hold what is looked for.
            fill(connection, 20_000, owners=5_000)
            connection.execute("UPDATE urls SET title = 'needle' WHERE user_id <> %s", (OWNER,))
            connection.execute("UPDATE urls SET user_id = %s WHERE user_id IS NULL", (OWNER,))
            connection.execute(
                "UPDATE urls SET title = 'A NEEDLE in the hay' WHERE id = %s", (code(4),)
            )
            connection.execute(
                "UPDATE urls SET original_url = 'https://e.com/needles' WHERE id = %s", (code(6),)
            )
            connection.execute(
                "INSERT INTO tags (user_id, key, name) VALUES (%s, 'needle', 'Needle')", (OWNER,)
            )
            connection.execute(
                "UPDATE urls SET tag_ids = (SELECT array_agg(id) FROM tags) WHERE id = %s",
                (code(8),),
            )
            connection.execute("VACUUM (ANALYZE) urls")
        yield database


def found(database: Database, sort: str = "created_at", pattern: str = "%needle%") -> list[str]:
    """Search for needles, page by page."""
    store = open_store(database)
    lists, after, codes = LinkLists(store), None, list[str]()
    listing = Listing(sort, descending=True, pattern=pattern, found_tags=(1,))
    for _ in range(100):
        page = lists.page(OWNER, listing, after, 2)
        codes += [link.code for link in page.links]
        after = page.next
        if after is None:
            break
    store.close()
    return codes


def used(database: Database) -> tuple[int, int]:
    """Return how often the index was read, and how many links it gave."""
    with database.connect() as connection:
        row = connection.execute(
            "SELECT idx_scan, idx_tup_read FROM pg_stat_user_indexes"
            " WHERE indexrelname = 'urls_owner_search_idx'"
        ).fetchone()
    return row or (0, 0)


@pytest.mark.parametrize("sort", ["created_at", "visits", "code"])
def test_a_search_goes_by_it(filled: Database, sort: str) -> None:
    scans, links = used(filled)

    assert found(filled, sort) == [code(8), code(6), code(4)]

    # PostgreSQL tells once the connection has ended.
    eventually(lambda: used(filled)[0] > scans)
    assert used(filled)[1] <= links + 3 * (used(filled)[0] - scans)


@pytest.mark.parametrize("pattern", ["%dl%", "%-e%", "%日本語%"])
def test_where_it_would_be_read_from_end_to_end_the_list_is(filled: Database, pattern: str) -> None:
    scans, _ = used(filled)

    short = found(filled, pattern=pattern)
    found(filled)

    eventually(lambda: used(filled)[0] > scans)
    assert used(filled)[0] == scans + 1
    assert short == ([code(8), code(6), code(4)] if pattern == "%dl%" else [code(8)])


def test_it_can_be_added_later(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled.connect() as connection:
        connection.execute("DROP FUNCTION links_with_text")
        connection.execute("DROP EXTENSION pg_trgm, btree_gin CASCADE")
    monkeypatch.setattr(link_lists, "LONGEST_WALK", 3_000)
    without = found(filled)

    # As docs/operations.md says.
    with filled.connect() as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        connection.execute("CREATE EXTENSION btree_gin")
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0022.search'")
    migrate(filled.environment)

    scans, _ = used(filled)
    assert found(filled) == without == [code(8), code(6), code(4)]
    eventually(lambda: used(filled)[0] > scans)
