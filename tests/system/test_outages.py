"""PostgreSQL and Redis stopped, frozen and restarted under the running service."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.conftest import StartService
from tests.harness.proxy import Proxy
from tests.harness.room import MACHINE, usual
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.harness.sinks import eventually

# What must never be seen outside, in any outage: drivers, stacks, where things are.
_SECRETS = ("Traceback", "psycopg", "connection to server", "FATAL", "redis.exceptions")
_WAIT = 5.0


def create(service: Service, number: int = 0) -> requests.Response:
    body = {"url": f"https://example.com/{number}"}
    return requests.post(f"{service.url}/api/", json=body, timeout=10)


def resolve(service: Service, code: str) -> requests.Response:
    return requests.get(f"{service.url}/api/{code}", timeout=10)


def created(service: Service, number: int = 0) -> str:
    answer = create(service, number)
    assert answer.status_code in {200, 201}
    return str(answer.json()["short_code"])


def health(service: Service) -> dict[str, object]:
    answer = service.client.get(f"{service.url}/api/health", timeout=2)
    return {"code": answer.status_code, **answer.json()}


def seconds_until(condition: Callable[[], bool], limit: float = _WAIT) -> float:
    """Return how long it took; fail after `limit` seconds."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < limit, f"not within {limit} s"
        time.sleep(0.02)
    return time.monotonic() - begun


@pytest.fixture
def service(
    start_service: StartService, own_database: Database, own_valkey: Valkey
) -> Iterator[Service]:
    settings = {**own_database.environment, **own_valkey.environment(), "WEB_CONCURRENCY": "2"}
    service = start_service(settings)
    # A worker that has never asked for changes believes no cache: outages come later than that.
    with own_valkey.connect() as client:
        eventually(lambda: client.exists("shortener:feed"))
    yield service
    output = service.stdout + service.stderr
    assert not [word for word in _SECRETS if word in output]


class TestRedis:
    def test_frozen_no_resolve_fails_and_none_waits_for_it(
        self, service: Service, own_valkey: Valkey
    ) -> None:
        codes = [created(service, number) for number in range(100)]
        own_valkey.freeze()

        def timed(number: int) -> tuple[int, float]:
            begun = time.monotonic()
            status = requests.get(
                f"{service.url}/api/{codes[number % 100]}", timeout=30
            ).status_code
            return status, time.monotonic() - begun

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(timed, range(1000)))

        assert {status for status, _ in answers} == {200}
        assert usual(seconds for _, seconds in answers) < 0.5
        assert max(seconds for _, seconds in answers) < 0.5 + MACHINE

    def test_frozen_when_the_service_starts(
        self, start_service: StartService, database: Database, own_valkey: Valkey
    ) -> None:
        own_valkey.freeze()

        service = start_service({**database.environment, **own_valkey.environment()})

        assert resolve(service, created(service)).status_code == 200
        assert health(service)["redis"] is False

    def test_absent_when_the_service_starts_and_used_once_it_is_there(
        self, start_service: StartService, database: Database, own_valkey: Valkey
    ) -> None:
        environment = own_valkey.environment()
        own_valkey.stop()
        service = start_service({**database.environment, **environment})
        created(service)

        own_valkey.start()

        seconds_until(lambda: health(service)["redis"] is True)
        code = created(service, 1)
        with own_valkey.connect() as client:
            assert client.get(f"shortener:link:{code}") == b"+https://example.com/1"

    def test_killed_and_back(self, service: Service, own_valkey: Valkey) -> None:
        code = created(service)
        own_valkey.kill()
        assert resolve(service, code).status_code == 200
        seconds_until(lambda: health(service)["redis"] is False)

        own_valkey.start()

        seconds_until(lambda: health(service)["redis"] is True)

    def test_health_says_so_and_stays_200(self, service: Service, own_valkey: Valkey) -> None:
        own_valkey.stop()

        found = health(service)

        assert (found["code"], found["status"], found["redis"]) == (200, "healthy", False)

    def test_not_configured(self, start_service: StartService, database: Database) -> None:
        service = start_service(database.environment)

        assert resolve(service, created(service)).status_code == 200

    def test_a_wrong_password_costs_no_request(
        self, start_service: StartService, database: Database, own_valkey: Valkey
    ) -> None:
        wrong = {**own_valkey.environment(), "REDIS_PASSWORD": "not the password"}
        service = start_service({**database.environment, **wrong})

        assert resolve(service, created(service)).status_code == 200
        record = service.await_record(lambda record: "Redis is away" in record["msg"])
        assert "not the password" not in str(record)


class TestPostgreSQL:
    def test_stopped_a_cached_link_resolves_and_a_create_is_refused_at_once(
        self, service: Service, own_database: Database
    ) -> None:
        code = created(service)
        own_database.server.stop()

        begun = time.monotonic()
        refused = create(service, 1)
        seconds = time.monotonic() - begun

        assert (refused.status_code, refused.json()["code"]) == (503, "DB_ERROR")
        assert refused.headers["Retry-After"].isdigit()
        assert seconds < 3 + MACHINE
        assert resolve(service, code).json()["url"] == "https://example.com/0"

    def test_stopped_refusals_are_immediate_once_it_is_known(
        self, service: Service, own_database: Database
    ) -> None:
        own_database.server.stop()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: create(service, number), range(16)))

        seconds = []
        for number in range(20):
            begun = time.monotonic()
            assert create(service, number).status_code == 503
            seconds.append(time.monotonic() - begun)
        # One that waits for a connection waits for CONNECTION_WAIT, two seconds, each time.
        assert usual(seconds) < 1

    @pytest.mark.parametrize("how", ["stop", "kill"])
    def test_restarted_under_load_it_serves_again_without_a_restart(
        self, service: Service, own_database: Database, how: str
    ) -> None:
        workers = service.workers
        numbers = iter(range(1_000_000))
        stopping = False

        def load() -> None:
            while not stopping:
                create(service, next(numbers))

        with ThreadPoolExecutor(4) as threads:
            running = [threads.submit(load) for _ in range(4)]
            created(service, next(numbers))
            getattr(own_database.server, how)()
            seconds_until(lambda: create(service, next(numbers)).status_code == 503)
            own_database.server.start()
            seconds = seconds_until(lambda: create(service, next(numbers)).status_code == 201)
            stopping = True
            for one in running:
                one.result()

        assert seconds < 5 + MACHINE
        assert service.workers == workers

    def test_all_connections_ended_by_the_server_no_request_fails(
        self, service: Service, own_database: Database
    ) -> None:
        # Enough at once for every connection there may be; on a busy machine one may have no turn.
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: create(service, number), range(64)))
        created(service, 99)
        with own_database.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'shortener'"
            )

        answers = [create(service, number).status_code for number in range(100, 120)]

        assert answers == [201] * 20

    def test_frozen_cached_links_resolve_and_creates_are_refused_in_bounded_time(
        self, service: Service, own_database: Database
    ) -> None:
        code = created(service)
        resolve(service, code)
        own_database.server.freeze()

        begun = time.monotonic()
        refused = create(service, 1)
        assert refused.status_code == 503
        assert time.monotonic() - begun < 8 + MACHINE
        assert resolve(service, code).status_code == 200

        own_database.server.thaw()
        seconds_until(lambda: create(service, 2).status_code == 201)

    def test_frozen_under_load_cached_links_stay_quick(
        self, service: Service, own_database: Database
    ) -> None:
        code = created(service)
        own_database.server.freeze()

        with ThreadPoolExecutor(16) as threads:
            waiting = [threads.submit(create, service, number) for number in range(16)]
            seconds = []
            while not all(one.done() for one in waiting):
                begun = time.monotonic()
                answer = requests.get(f"{service.url}/api/{code}", timeout=10)
                seconds.append(time.monotonic() - begun)
                assert answer.status_code == 200

        assert {one.result().status_code for one in waiting} == {503}
        assert usual(seconds) < 1.5
        assert max(seconds) < 1.5 + MACHINE

    def test_away_when_the_service_starts(
        self, start_service: StartService, own_database: Database
    ) -> None:
        own_database.server.stop()
        service = start_service(own_database.environment)
        assert health(service) | {"timestamp": 0} == {
            "code": 503,
            "status": "unhealthy",
            "redis": False,
            "postgres": False,
            "timestamp": 0,
        }

        own_database.server.start()

        seconds_until(lambda: create(service).status_code in {200, 201})

    def test_read_only_is_noticed_and_so_is_its_end(
        self, service: Service, own_database: Database
    ) -> None:
        code = created(service)
        _set_read_only(own_database, "on")

        assert create(service, 1).json()["code"] == "DB_ERROR"
        assert resolve(service, code).status_code == 200

        _set_read_only(own_database, "off")
        seconds_until(lambda: create(service, 2).status_code == 201)

    def test_a_connection_that_was_cut_silently(
        self, start_service: StartService, database: Database
    ) -> None:
        with Proxy(database.server.port) as proxy:
            service = start_service(proxy.environment(database.environment))
            created(service)
            # One that is cut while it is being made is a server that is away.
            eventually(lambda: at_rest(database, proxy))
            proxy.cut()

            assert create(service, 1).status_code == 201

    def test_without_the_schema_it_says_what_to_do(
        self, start_service: StartService, empty_database: Database
    ) -> None:
        service = start_service(empty_database.environment)

        assert create(service).json()["code"] == "DB_ERROR"
        service.await_record(lambda record: "run `migrate`" in record["msg"])

    def test_a_wrong_password_is_named_and_not_shown(
        self, start_service: StartService, database: Database
    ) -> None:
        wrong = {**database.environment, "POSTGRES_PASSWORD": "hunter2-is-wrong"}
        service = start_service(wrong)

        assert create(service).status_code == 503
        record = service.await_record(lambda record: "PostgreSQL is away" in record["msg"])
        assert "hunter2" not in service.stdout + service.stderr
        assert "password was refused" in record["msg"]


def at_rest(database: Database, proxy: Proxy) -> bool:
    """Tell whether every connection through the proxy was made long ago, and none comes along."""
    accepted = proxy.accepted
    with database.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
            " AND (state IS DISTINCT FROM 'idle' OR backend_start > now() - interval '1 second')"
        ).fetchone()
    return row == (0,) and proxy.accepted == accepted


def _set_read_only(database: Database, value: str) -> None:
    with database.server.connect() as connection:
        name = database.name
        connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_read_only = {value}".encode()
        )
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'shortener'"
        )
