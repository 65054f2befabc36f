"""Logins: what they tell, what they cost, and that they take nobody else's turn."""

import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import bcrypt
import psycopg
import pytest
import requests
from argon2 import PasswordHasher

from tests.conftest import StartService
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

SLOW = PasswordHasher(time_cost=60, memory_cost=19_456, parallelism=1)
"""More than a second for one verification: as if the machine were that busy."""


def store(database: Database, email: str, stored: str) -> None:
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO users (email, password_hash) VALUES (%s, %s)", (email, stored)
        )


def log_in(service: Service, email: str, password: str = "wrong-password") -> requests.Response:
    return requests.post(
        f"{service.url}/api/login", json={"email": email, "password": password}, timeout=60
    )


@contextmanager
def logging_in(service: Service, email: str, clients: int) -> Iterator[threading.Event]:
    """Let clients log in over and over; the event tells that one was refused."""
    stop, refused = threading.Event(), threading.Event()

    def again() -> None:
        while not stop.is_set():
            answer = log_in(service, email)
            if answer.status_code == 429:
                assert answer.headers["Retry-After"] == "1"
                refused.set()

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(again) for _ in range(clients)]
        try:
            yield refused
        finally:
            stop.set()
            wait(running)
    for each in running:
        each.result()


def test_redirects_go_on_while_logins_take_all_they_may(
    start_service: StartService, database: Database, valkey: Valkey
) -> None:
    store(database, "slow@example.org", SLOW.hash("secret1"))
    service = start_service(
        {**database.environment, **valkey.environment(), "GUNICORN_THREADS": "4"}
    )
    created = service.client.post(f"{service.url}/api/", json={"url": "https://e.com/"}, timeout=20)
    address = f"{service.url}/{created.json()['short_code']}"
    answered = 0
    with logging_in(service, "slow@example.org", clients=8) as refused:
        # From here on every place that logins may have is taken.
        assert refused.wait(40)
        longest = 0.0
        for _ in range(40):
            begun = time.monotonic()
            status = service.client.get(address, timeout=20, allow_redirects=False).status_code
            longest = max(longest, time.monotonic() - begun)
            answered += status == 302

    assert answered == 40
    # Behind a login that waits for its turn a redirect would take that second, and more.
    assert longest < 1.0


@pytest.mark.parametrize("kind", ["known", "old", "deleted", "unknown", "odd"])
def test_the_answer_tells_nothing_of_the_account(
    attacked: Service, attacked_database: Database, kind: str
) -> None:
    email = f"{kind}@example.org"
    fresh = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash("secret1")
    if kind in {"known", "deleted"}:
        store(attacked_database, email, fresh)
    elif kind == "old":
        store(attacked_database, email, bcrypt.hashpw(b"secret1", bcrypt.gensalt(4)).decode())
    if kind == "deleted":
        with attacked_database.connect() as connection:
            connection.execute("UPDATE users SET deleted_at = now() WHERE email = %s", (email,))

    answer = log_in(attacked, "no address" if kind == "odd" else email)

    assert answer.status_code == 401
    assert answer.json() == {"error": "Invalid email or password", "code": "INVALID_CREDENTIALS"}
    names = {name.lower() for name in answer.headers}
    assert names == {name.lower() for name in log_in(attacked, "nobody@e.org").headers}


@pytest.mark.parametrize("attempt", ["' OR '1'='1", "admin'--", "%", "_", "\\", "x' UNION SELECT"])
def test_sql_in_a_login_or_signup_is_text(
    attacked: Service, attacked_database: Database, attempt: str
) -> None:
    assert log_in(attacked, f"{attempt}@example.org", attempt).status_code == 401
    requests.post(
        f"{attacked.url}/api/signup",
        json={"email": "sql@example.org", "password": "secret1", "username": f"{attempt};abc"},
        timeout=20,
    )

    with attacked_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() is not None


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_known_address_takes_as_long_as_an_unknown_one(
    attacked: Service, attacked_database: Database
) -> None:
    # By the clock, over the wire; by the work done: tests/unit/test_passwords.py.
    hashes = {
        "timed-new@example.org": PasswordHasher(
            time_cost=2, memory_cost=19_456, parallelism=1
        ).hash("secret1"),
        "timed-old@example.org": bcrypt.hashpw(b"secret1", bcrypt.gensalt(10)).decode(),
    }
    for email, stored in hashes.items():
        store(attacked_database, email, stored)
    times: dict[str, list[float]] = {email: [] for email in (*hashes, "timed-none@example.org")}
    for _ in range(60):
        for email, taken in times.items():
            begun = time.perf_counter()
            log_in(attacked, email)
            taken.append(time.perf_counter() - begun)

    quick = {email: statistics.quantiles(taken, n=4)[0] for email, taken in times.items()}
    assert max(quick.values()) < 1.25 * min(quick.values()), quick


def test_an_accounts_email_cannot_be_taken_by_another_spelling(
    attacked: Service, attacked_database: Database
) -> None:
    def sign_up(email: str) -> int:
        return requests.post(
            f"{attacked.url}/api/signup",
            json={"email": email, "password": "secret1"},
            timeout=20,
        ).status_code

    assert sign_up("spelled@example.org") == 201
    assert {sign_up(email) for email in ("SPELLED@example.org", " spelled@Example.ORG ")} == {409}
    with (
        attacked_database.connect() as connection,
        pytest.raises(psycopg.errors.UniqueViolation),
    ):
        connection.execute(
            "INSERT INTO users (email, password_hash) VALUES ('SPELLED@example.org', 'x')"
        )
