"""Rate limits as an attacker meets them: by other workers, instances, addresses and headers."""

from collections.abc import Callable, Iterator

import pytest
import requests

from tests.conftest import StartService
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

CREATE = {"url": "https://e.com/limited"}
Environment = dict[str, str | None]


@pytest.fixture(scope="module")
def limited(attacked_database: Database, shared_valkey: Valkey) -> Environment:
    """Return settings of a service that lets six of a kind through in a day."""
    with shared_valkey.connect() as client:
        client.flushall()
    limits = dict.fromkeys(("RATE_LIMIT", "RATE_LIMIT_AUTH", "RATE_LIMIT_RESOLVE"), "6/day")
    return {
        **attacked_database.environment,
        **shared_valkey.environment(),
        **limits,
        "RATE_LIMIT_ENABLED": "true",
        "TRUSTED_PROXIES": "1",
    }


@pytest.fixture(scope="module")
def behind_one(limited: Environment) -> Iterator[Service]:
    """Run a service behind one proxy; each test of it comes from addresses of its own."""
    with Service(limited) as service:
        yield service


def create(service: Service, forwarded: str | None = "203.0.113.7") -> int:
    """Create a link on a connection of its own, so that any worker may get it."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return requests.post(
        f"{service.url}/api/", json=CREATE, headers=headers, timeout=20
    ).status_code


def log_in(service: Service, forwarded: str) -> int:
    return requests.post(
        f"{service.url}/api/login",
        json={"email": "", "password": ""},  # counted before it is read; hashing takes long
        headers={"X-Forwarded-For": forwarded},
        timeout=20,
    ).status_code


def test_workers_and_instances_count_together(
    start_service: StartService, limited: Environment
) -> None:
    first = start_service({**limited, "WEB_CONCURRENCY": "2"})
    second = start_service(limited)

    statuses = [create(service) for service in (first, second, first, first, second, first)]

    assert 429 not in statuses
    assert [create(service) for service in (first, second) * 3] == [429] * 6


def test_without_redis_a_worker_counts_by_itself(
    start_service: StartService, limited: Environment, own_valkey: Valkey
) -> None:
    service = start_service({**limited, **own_valkey.environment()})
    assert create(service) in {200, 201}
    own_valkey.kill()

    statuses = [create(service) for _ in range(12)]

    # What Redis had counted is gone with it; from then on the worker's own count holds.
    assert statuses[0] == 200
    assert statuses[6:] == [429] * 6


GUESSES: dict[str, Callable[[int], str]] = {
    "a forged hop in front": lambda n: f"198.51.100.{n}, 203.0.113.11",
    "forged hops": lambda n: f"10.0.0.{n}, 198.51.100.{n}, 203.0.113.12",
    "forged by spaces": lambda n: f"198.51.100.{n}{' ' * n}, {' ' * n}203.0.113.13",
    "a subscriber's IPv6 addresses": lambda n: f"2001:db8:1:2::{n:x}",
    "IPv4 in IPv6": lambda n: "203.0.113.14" if n % 2 else "::ffff:203.0.113.14",
    "IPv6 spelled otherwise": lambda n: f"2001:{'0' if n % 2 else ''}db8:{'0' * (n % 4)}1:3::1",
}


@pytest.mark.parametrize("way", GUESSES)
def test_passwords_cannot_be_guessed_from_one_address(behind_one: Service, way: str) -> None:
    statuses = [log_in(behind_one, GUESSES[way](number)) for number in range(1, 10)]

    assert statuses == [400] * 6 + [429] * 3


def test_clients_behind_our_proxy_count_apart(behind_one: Service) -> None:
    statuses = [log_in(behind_one, f"192.0.2.{number}") for number in range(1, 10)]

    assert statuses == [400] * 9


def test_no_other_header_says_who_the_client_is(behind_one: Service) -> None:
    def status(number: int, name: str) -> int:
        address = f"198.51.100.{number}"
        value = f"for={address}" if name == "Forwarded" else address
        return requests.post(
            f"{behind_one.url}/api/", json=CREATE, headers={name: value}, timeout=20
        ).status_code

    names = ["Forwarded", "X-Real-IP", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP"] * 2

    assert [status(number, name) == 429 for number, name in enumerate(names)] == [
        number >= 6 for number in range(10)
    ]


@pytest.mark.parametrize(
    ("proxies", "apart", "together"),
    [
        # Nobody is in front of us: whatever the header says, the peer is the client.
        ("0", [], ["198.51.100.1", "198.51.100.2", "203.0.113.31, 203.0.113.32"]),
        (
            "2",
            ["198.51.100.3, 203.0.113.7", "198.51.100.4, 203.0.113.7"],
            ["9.9.9.9, 203.0.113.33, 10.0.0.1", "8.8.8.8, 203.0.113.33, 10.0.0.2"],
        ),
    ],
)
def test_only_as_many_hops_are_believed_as_there_are_proxies(
    start_service: StartService,
    limited: Environment,
    proxies: str,
    apart: list[str],
    together: list[str],
) -> None:
    service = start_service({**limited, "TRUSTED_PROXIES": proxies, "RATE_LIMIT_AUTH": "1/day"})

    assert [log_in(service, forwarded) for forwarded in apart] == [400] * len(apart)
    assert [log_in(service, each) for each in together] == [400] + [429] * (len(together) - 1)
