"""From the Go service to ours, back, and for good, under load and without one failed create."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
import requests

from tests.harness.go_service import GoService
from tests.harness.servers import Database, Databases, Valkey, migrate
from tests.harness.service import Service
from tests.storage import go_schema

pytestmark = pytest.mark.timeout(120)

CLIENTS = 2
CREATES = 15
"""At least, of each client in each phase."""
SAMPLE = 20
"""Codes of each service that are looked up, beside all that are compared with what is stored."""
PAUSE_S = 0.05
"""Between two creates of a client: what is shown is the order of statements, not how many fit."""
Create = Callable[[str], str]


@dataclass
class Clients:
    """Threads that create links of targets that all of them use, in turns new and known ones."""

    creates: list[Create]
    given: dict[str, str] = field(default_factory=dict)
    """Codes with the target that each was given for."""
    failures: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def at_work(self, *, least: int = CREATES) -> Iterator[None]:
        """Create for as long as the block takes, and at least so often."""
        over = threading.Event()
        threads = [
            threading.Thread(target=self._work, args=(create, over, least), daemon=True)
            for create in self.creates
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(60)

    def _work(self, create: Create, over: threading.Event, least: int) -> None:
        done = 0
        while done < least or not over.is_set():
            number = next(self._numbers)
            # Every target comes from several clients, in two spellings of its host.
            host = ("example.com", "EXAMPLE.com", "президент.рф")[number % 3]
            url = f"https://{host}/cut-over/{number // 4}"
            try:
                self.given[create(url)] = url
            except Exception as error:  # noqa: BLE001  # whatever it was, the create failed
                self.failures.append(f"{url}: {error}")
            done += 1
            over.wait(PAUSE_S)


@dataclass(frozen=True)
class Stage:
    """Both services on one database."""

    database: Database
    service: Service
    token: str

    def ours(self) -> Create:
        """Return a client of ours, whose links are the user's."""
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {self.token}"

        def create(url: str) -> str:
            answer = session.post(f"{self.service.url}/api/", json={"url": url}, timeout=30)
            if answer.status_code not in {200, 201}:
                raise AssertionError(f"{answer.status_code} {answer.text}")
            return str(answer.json()["short_code"])

        return create


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    """Make the Go service's database, with links in it."""
    with databases.empty() as database:
        with database.connect() as connection:
            go_schema.create(connection)
            go_schema.add_links(connection, 2000)
        yield database


@contextmanager
def stage(database: Database, valkey: Valkey) -> Iterator[Stage]:
    environment = {**database.environment, **valkey.environment(), "WEB_CONCURRENCY": "2"}
    with Service(environment) as service:
        login = {"email": go_schema.OWNER_EMAIL, "password": go_schema.PASSWORD}
        answer = service.client.post(f"{service.url}/api/login", json=login, timeout=30)
        yield Stage(database, service, answer.json()["token"])


def test_there_and_back_and_there_for_good(database: Database, valkey: Valkey) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(GoService(database.environment)) for _ in range(CLIENTS)]
        go = Clients(
            [lambda url, one=one: one.create(url, go_schema.OWNER).code for one in running]  # type: ignore[misc]
        )
        with go.at_work():
            migrate(database.environment)
        on = stack.enter_context(stage(database, valkey))
        ours = Clients([on.ours() for _ in range(CLIENTS)])
        # Both, ours alone, the Go service alone on the way back, both, ours while it is retired.
        with go.at_work(), ours.at_work():
            pass
        with ours.at_work():
            pass
        with go.at_work():
            pass
        with go.at_work(), ours.at_work():
            migrate(database.environment)
        with ours.at_work():
            migrate(database.environment, "--retire-go", "--force")

        assert (go.failures, ours.failures) == ([], [])
        given = {**go.given, **ours.given}
        stored = dict(links(database))
        # No code was given to two targets, and each leads to its own.
        assert {code: stored[code].lower() for code in given} == {
            code: url.lower() for code, url in given.items()
        }
        for code in [*go.given][:SAMPLE] + [*ours.given][:SAMPLE]:
            answer = on.service.client.get(f"{on.service.url}/api/{code}", timeout=30)
            assert answer.json()["url"] == running[0].resolve(code) == stored[code]
        assert given.keys() <= running[0].links_of(go_schema.OWNER).keys()


def links(database: Database) -> list[tuple[str, str]]:
    with database.connect() as connection:
        return connection.execute("SELECT id, original_url FROM urls").fetchall()
