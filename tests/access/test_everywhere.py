"""What ends, ends in every worker of every instance within 5 s, Redis away or not; no trace of it.

Two instances with two workers each, asked on connections that are known to lead to each of them.
"""

import re
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.harness.room import MACHINE
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

IN_FORCE = 5.0
"""Seconds after the answer in which what was revoked is refused everywhere."""
WAIT = 30.0
WORKERS = 2
PASSWORD = "secret-Zq71-of-somebody"
NEW_PASSWORD = "secret-Zq72-of-somebody"
_INSTANCE = re.compile(r'service_instance_id="([^"]+)"')


@dataclass(frozen=True)
class Fleet:
    """The instances, a connection to each worker, and what they lean on."""

    services: list[Service]
    workers: list[tuple[str, requests.Session]]
    valkey: Valkey
    database: Database

    def ask(self, method: str, path: str, secret: str, **more: Any) -> requests.Response:
        """Ask the first worker."""
        return self.ask_of(0, method, path, secret, **more)

    def ask_of(
        self, worker: int, method: str, path: str, secret: str, **more: Any
    ) -> requests.Response:
        """Ask one worker."""
        url, session = self.workers[worker]
        headers = {"Authorization": f"Bearer {secret}"}
        return session.request(method, url + path, headers=headers, timeout=WAIT, **more)

    def statuses(self, secret: str) -> list[int]:
        """Return what each worker answers to a token or a key."""
        return [
            self.ask_of(worker, "GET", "/api/account", secret).status_code
            for worker in range(len(self.workers))
        ]


def connections(service: Service) -> list[tuple[str, requests.Session]]:
    """Open a connection to each worker of an instance; a connection stays with its worker."""
    found: dict[str, requests.Session] = {}
    deadline = time.monotonic() + WAIT
    while len(found) < WORKERS:
        assert time.monotonic() < deadline, found
        session = requests.Session()
        session.trust_env = False
        answer = session.get(f"{service.url}/metrics", timeout=WAIT)
        name = _INSTANCE.search(answer.text)
        assert name is not None
        if found.setdefault(name[1], session) is not session:
            session.close()
    return [(service.url, session) for session in found.values()]


@pytest.fixture(scope="module")
def fleet(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Run two instances on one database and one Redis, which may be stopped and frozen."""
    with ExitStack() as stack:
        valkey = stack.enter_context(Valkey(tmp_path_factory.mktemp("valkey")))
        settings = {
            **module_database.environment,
            **valkey.environment(),
            "WEB_CONCURRENCY": str(WORKERS),
            "LOG_LEVEL": "debug",
            "RATE_LIMIT_ENABLED": "true",
            "RATE_LIMIT": "100000/minute",
            "RATE_LIMIT_AUTH": "100000/minute",
        }
        services = [stack.enter_context(Service(settings)) for _ in range(2)]
        workers = [each for service in services for each in connections(service)]
        for _, session in workers:
            stack.callback(session.close)
        yield Fleet(services, workers, valkey, module_database)


def sign_up(fleet: Fleet, password: str = PASSWORD) -> tuple[str, str]:
    """Return a new account's address and token."""
    email = f"{uuid.uuid4()}@example.org"
    url, session = fleet.workers[-1]
    body = {"email": email, "password": password}
    answer = session.post(f"{url}/api/signup", json=body, timeout=WAIT)
    return email, answer.json()["token"]


def make_key(fleet: Fleet, token: str) -> tuple[str, str]:
    """Return a new key's secret and number."""
    body = {"name": "n", "scopes": ["links:read", "links:write"]}
    answer = fleet.ask("POST", "/api/keys", token, json=body).json()
    return answer["secret"], answer["key"]["id"]


def revoke(fleet: Fleet, token: str) -> list[str]:
    key, number = make_key(fleet, token)
    assert fleet.statuses(key) == [200] * 4
    assert fleet.ask("DELETE", f"/api/keys/{number}", token).status_code == 204
    return [key]


def log_out(fleet: Fleet, token: str) -> list[str]:
    key, _ = make_key(fleet, token)
    assert fleet.statuses(key) == fleet.statuses(token) == [200] * 4
    body = {"keys": True}
    answer = fleet.ask("POST", "/api/account/logout-everywhere", token, json=body)
    assert answer.status_code == 204
    return [key, token]


def change_password(fleet: Fleet, token: str) -> list[str]:
    assert fleet.statuses(token) == [200] * 4
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    answer = fleet.ask("POST", "/api/account/password", token, json=body)
    # The new one is good in every worker at once, also where the old one is still believed.
    assert fleet.statuses(answer.json()["token"]) == [200] * 4
    return [token]


def delete(fleet: Fleet, token: str) -> list[str]:
    key, _ = make_key(fleet, token)
    assert fleet.statuses(key) == fleet.statuses(token) == [200] * 4
    body = {"password": PASSWORD, "links": "disable"}
    assert fleet.ask("DELETE", "/api/account", token, json=body).status_code == 204
    return [key, token]


ENDS = [revoke, log_out, change_password, delete]


@pytest.fixture(params=["there", "stopped", "frozen"])
def redis(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[str]:
    """Let Redis be there, or away."""
    how: str = request.param
    if how == "stopped":
        fleet.valkey.stop()
    elif how == "frozen":
        fleet.valkey.freeze()
    yield how
    if how == "stopped":
        fleet.valkey.start()
    elif how == "frozen":
        fleet.valkey.thaw()


def test_what_ends_is_refused_by_every_worker(fleet: Fleet, redis: str) -> None:
    ended: dict[str, float] = {}
    last: dict[str, float] = {}
    for end in ENDS:
        _, token = sign_up(fleet)
        secrets = end(fleet, token)
        ended.update(dict.fromkeys(secrets, time.monotonic()))

    # Asked again and again, so that whatever is believed could be believed anew.
    until = time.monotonic() + IN_FORCE + 1
    found: dict[str, list[int]] = {}
    while time.monotonic() < until or any(set(each) != {401} for each in found.values()):
        assert time.monotonic() < until + WAIT, (redis, found)
        for secret in ended:
            for worker in range(len(fleet.workers)):
                asked = time.monotonic()
                status = fleet.ask_of(worker, "GET", "/api/account", secret).status_code
                found.setdefault(secret, [0] * 4)[worker] = status
                if status == 200:
                    last[secret] = asked

    late = {secret[:8]: at - ended[secret] for secret, at in last.items()}
    assert all(after < IN_FORCE for after in late.values()), (redis, late)
    assert found == {secret: [401] * 4 for secret in ended}


def test_a_new_key_is_good_at_once_in_every_worker(fleet: Fleet) -> None:
    _, token = sign_up(fleet)

    for _ in range(5):
        assert fleet.statuses(make_key(fleet, token)[0]) == [200] * 4


def test_the_last_use_is_written_beside_the_request(fleet: Fleet) -> None:
    _, token = sign_up(fleet)
    key, number = make_key(fleet, token)
    assert fleet.statuses(key) == [200] * 4

    first = used(fleet, number)
    fleet.statuses(key)
    time.sleep(2.5)  # two rounds of what writes them

    assert used(fleet, number) == first


def used(fleet: Fleet, number: str) -> Any:
    """Wait until a use of a key is noted, and return when it was."""
    deadline = time.monotonic() + MACHINE + 5
    with fleet.database.connect() as connection:
        while True:
            row = connection.execute(
                "SELECT last_used_at FROM api_keys WHERE id = %s", (number,)
            ).fetchone()
            assert row is not None
            if row[0] is not None:
                return row[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)


def everything_in(database: Database) -> Iterator[tuple[str, str]]:
    """Give every row of every table as text."""
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (table,) in tables:
            query = f"SELECT row::text FROM {table} AS row"
            for (row,) in connection.execute(query.encode()):
                yield table, row


def test_no_key_token_or_password_is_kept_or_told_anywhere(fleet: Fleet) -> None:
    email, token = sign_up(fleet)
    key, number = make_key(fleet, token)
    other, _ = make_key(fleet, token)
    use_everything(fleet, email, token, key)
    fleet.ask("DELETE", f"/api/keys/{number}", token)
    used(fleet, only_key(fleet, token, other))
    secrets = [key[4:], other[4:], token.split(".")[2], PASSWORD, NEW_PASSWORD]
    secrets += [secret[:20] for secret in secrets[:3]]

    kept = list(everything_in(fleet.database))
    spoken = "".join(service.stdout + service.stderr for service in fleet.services)
    metrics = "".join(
        session.get(f"{url}/metrics", timeout=WAIT).text for url, session in fleet.workers
    )
    with fleet.valkey.connect() as client:
        stored = b"".join(_everything(client))
    listed = fleet.ask("GET", "/api/keys", token).text
    files = "".join(
        path.read_text(errors="replace")
        for service in fleet.services
        for path in Path(tempfile.gettempdir(), f"shortener-{service.port}").rglob("*")
        if path.is_file()
    )

    assert "Request completed" in spoken
    assert {"api_keys", "users"} <= {table for table, _ in kept}
    for secret in secrets:
        assert [table for table, row in kept if secret in row] == []
        assert secret.encode() not in stored
        for text in (spoken, metrics, listed, files):
            assert secret not in text


def test_the_log_tells_which_key_it_was(fleet: Fleet) -> None:
    _, token = sign_up(fleet)
    key, number = make_key(fleet, token)

    answer = fleet.ask("GET", "/api/account", key)
    line = fleet.services[0].await_record(
        lambda record: (
            record["msg"] == "Request completed"
            and record["request_id"] == answer.headers["X-Request-ID"]
        )
    )

    assert line["key_id"] == number


def only_key(fleet: Fleet, token: str, secret: str) -> str:
    """Use a key and return its number."""
    assert fleet.statuses(secret) == [200] * 4
    (key,) = fleet.ask("GET", "/api/keys", token).json()["keys"]
    number: str = key["id"]
    return number


def use_everything(fleet: Fleet, email: str, token: str, key: str) -> None:
    """Use secrets rightly, and wherever people put them by mistake."""
    url, session = fleet.workers[1]
    mistakes: list[Callable[[], requests.Response]] = [
        lambda: session.get(f"{url}/{key}", timeout=WAIT, allow_redirects=False),
        lambda: session.get(f"{url}/api/{key}?X-API-Key={key}", timeout=WAIT),
        lambda: session.get(f"{url}/api/links/{key}", headers={"X-API-Key": key}, timeout=WAIT),
        lambda: session.get(f"{url}/api/keys/{key}/x?key={key}", timeout=WAIT),
        lambda: session.delete(
            f"{url}/api/keys/{key}", headers={"Authorization": f"Bearer {token}"}, timeout=WAIT
        ),
        lambda: session.get(f"{url}/api/account", headers={"X-API-Key": key + "x"}, timeout=WAIT),
        lambda: session.get(f"{url}/api/account", headers={"Authorization": key}, timeout=WAIT),
        lambda: session.get(f"{url}/healthz", headers={"X-API-Key": key}, timeout=WAIT),
        lambda: session.get(f"{url}/no/{key}/where", headers={"X-Request-ID": "r"}, timeout=WAIT),
        lambda: session.post(
            f"{url}/api/", json={"url": key}, headers={"X-API-Key": key}, timeout=WAIT
        ),
        lambda: session.post(
            f"{url}/api/account/password",
            json={"current_password": NEW_PASSWORD, "new_password": PASSWORD},
            headers={"Authorization": f"Bearer {token}"},
            timeout=WAIT,
        ),
        lambda: session.delete(
            f"{url}/api/account",
            json={"password": NEW_PASSWORD, "links": PASSWORD},
            headers={"Authorization": f"Bearer {token}"},
            timeout=WAIT,
        ),
        lambda: session.post(
            f"{url}/api/login", json={"email": email, "password": NEW_PASSWORD}, timeout=WAIT
        ),
    ]
    for mistake in mistakes:
        answer = mistake()
        assert answer.status_code in {200, 302, 400, 401, 403, 404}
        assert PASSWORD not in answer.text
        assert key[4:] not in answer.text


def _everything(client: Any) -> Iterator[bytes]:
    for name in client.scan_iter():
        yield name
        kind = client.type(name)
        if kind == b"string":
            yield client.get(name) or b""
        elif kind == b"zset":
            yield b"".join(client.zrange(name, 0, -1))
        elif kind == b"hash":
            yield repr(client.hgetall(name)).encode()
