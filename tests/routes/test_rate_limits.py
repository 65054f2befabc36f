"""429: which route counts for which limit, by which address, and what the client is told."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.harness.servers import Valkey
from tests.routes.conftest import MakeClient

Ask = Callable[[FlaskClient], TestResponse]
CREDENTIALS = {"email": "nobody@example.org", "password": "secret1"}
GENERAL: list[Ask] = [
    lambda client: client.post("/api/", json={"url": "https://e.com/limit"}),
    lambda client: client.post("/api", json={"url": "https://e.com/limit"}),
    lambda client: client.get("/api/user/urls"),
]
AUTH: list[Ask] = [
    lambda client: client.post("/api/login", json=CREDENTIALS),
    lambda client: client.post("/api/signup", json={}),
]
RESOLVE: list[Ask] = [
    lambda client: client.get("/zzzzzz"),
    lambda client: client.head("/zzzzzz"),
    lambda client: client.get("/api/zzzzzz"),
]
NEVER = ["/healthz", "/api/health", "/metrics", "/api/metrics"]


@pytest.fixture
def limited(make_client: MakeClient, valkey: Valkey) -> FlaskClient:
    """Make a client of a service that lets two of a kind through."""
    return make_client(
        RATE_LIMIT_ENABLED="true",
        RATE_LIMIT="2/hour",
        RATE_LIMIT_AUTH="2/hour",
        RATE_LIMIT_RESOLVE="2/hour",
    )


@pytest.mark.parametrize("kind", [GENERAL, AUTH, RESOLVE], ids=["general", "auth", "resolve"])
def test_routes_of_one_kind_count_together(limited: FlaskClient, kind: list[Ask]) -> None:
    asks = (kind * 3)[:4]

    limits = [ask(limited).status_code == 429 for ask in asks]

    assert limits == [False, False, True, True]


@pytest.mark.parametrize("kind", [GENERAL, AUTH, RESOLVE], ids=["general", "auth", "resolve"])
def test_kinds_count_apart(limited: FlaskClient, kind: list[Ask]) -> None:
    for ask in (kind * 3)[:4]:
        ask(limited)

    others = [other for other in (GENERAL, AUTH, RESOLVE) if other is not kind]
    assert [other[0](limited).status_code == 429 for other in others] == [False, False]


@pytest.mark.parametrize(
    "ask", [GENERAL[0], AUTH[0], RESOLVE[2]], ids=["general", "auth", "resolve"]
)
def test_what_a_refused_client_is_told(limited: FlaskClient, ask: Ask) -> None:
    answer = [ask(limited) for _ in range(3)][-1]

    body = answer.get_json()
    assert answer.status_code == 429
    assert body == {
        "error": "Rate limit exceeded",
        "code": "RATE_LIMIT_EXCEEDED",
        "retry_after": body["retry_after"],
    }
    assert 0 < body["retry_after"] <= 3600
    assert answer.headers["Retry-After"] == str(body["retry_after"])
    assert answer.headers["X-RateLimit-Limit"] == "2"
    assert answer.headers["X-RateLimit-Window"] == "3600"


@pytest.mark.parametrize("path", NEVER)
def test_probes_are_never_limited(limited: FlaskClient, path: str) -> None:
    assert 429 not in {limited.get(path).status_code for _ in range(5)}


def test_switched_off_nothing_is_limited(make_client: MakeClient, valkey: Valkey) -> None:
    client = make_client(RATE_LIMIT_ENABLED="false", RATE_LIMIT="1/day", RATE_LIMIT_AUTH="1/day")

    for ask in (*GENERAL, *AUTH, *RESOLVE) * 2:
        assert ask(client).status_code != 429


def test_two_processes_share_the_count(make_client: MakeClient, valkey: Valkey) -> None:
    settings = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT": "2/hour"}
    first, second = make_client(**settings), make_client(**settings)

    statuses = [GENERAL[0](client).status_code for client in (first, second, first, second)]

    assert statuses[:2] in ([201, 200], [200, 200])
    assert statuses[2:] == [429, 429]


def test_resolves_are_counted_in_the_process(make_client: MakeClient, valkey: Valkey) -> None:
    settings = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_RESOLVE": "1/hour"}
    first, second = make_client(**settings), make_client(**settings)

    statuses = [RESOLVE[0](client).status_code for client in (first, second, first, second)]

    assert statuses == [404, 404, 429, 429]


def refused(client: FlaskClient, forwarded: str | None, peer: str = "10.0.0.1") -> bool:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    answer = client.get("/zzzzzz", headers=headers, environ_base={"REMOTE_ADDR": peer})
    return answer.status_code == 429


@pytest.fixture
def once(make_client: MakeClient) -> Callable[..., FlaskClient]:
    """Make clients of services that let each address resolve once."""

    def make(**settings: str) -> FlaskClient:
        return make_client(RATE_LIMIT_ENABLED="true", RATE_LIMIT_RESOLVE="1/day", **settings)

    return make


def test_behind_a_proxy_the_last_hop_is_the_client(once: Callable[..., FlaskClient]) -> None:
    client = once(TRUSTED_PROXIES="1")

    assert not refused(client, "203.0.113.7")
    assert not refused(client, "203.0.113.8")
    assert refused(client, "203.0.113.7")


def test_what_the_client_wrote_itself_is_not_believed(once: Callable[..., FlaskClient]) -> None:
    client = once(TRUSTED_PROXIES="1")

    assert not refused(client, "1.1.1.1, 203.0.113.7")
    assert refused(client, "2.2.2.2, 203.0.113.7")
    assert refused(client, "3.3.3.3, 4.4.4.4,203.0.113.7")


def test_behind_two_proxies_the_last_hop_but_one_is_the_client(
    once: Callable[..., FlaskClient],
) -> None:
    client = once(TRUSTED_PROXIES="2")

    assert not refused(client, "1.1.1.1, 203.0.113.7, 10.0.0.9")
    assert refused(client, "2.2.2.2, 203.0.113.7, 10.0.0.8")


def test_without_a_proxy_the_header_is_not_believed(once: Callable[..., FlaskClient]) -> None:
    client = once(TRUSTED_PROXIES="0")

    assert not refused(client, "203.0.113.7")
    assert refused(client, "203.0.113.8")
    assert not refused(client, "203.0.113.7", peer="10.0.0.2")


@pytest.mark.parametrize("forwarded", ["", "unknown", "nonsense, \x7f", "1.2.3.4.5", "a" * 5000])
def test_a_nonsensical_header_stops_nothing(
    once: Callable[..., FlaskClient], forwarded: str
) -> None:
    client = once(TRUSTED_PROXIES="1")

    assert not refused(client, forwarded)
    assert refused(client, forwarded)
