"""What holds for the service as a whole: request ids, probes, metrics, reserved words."""

import re
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.codes import RESERVED, is_reserved
from local.ports import free_port
from tests.harness.room import MACHINE
from tests.routes.conftest import MakeClient

PATHS = ["/healthz", "/api/health", "/zzzzzz", "/no/where", "/api/user/urls", "/metrics", "/%C0"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_a_request_id(client: FlaskClient, path: str) -> None:
    ids = [client.get(path).headers.get_all("X-Request-ID") for _ in range(2)]

    assert [len(each) for each in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert all(re.fullmatch("[A-Za-z0-9._-]{1,128}", each[0]) for each in ids)


@pytest.mark.parametrize("given", ["a", "A.b_c-9", "x" * 128])
@pytest.mark.parametrize("path", PATHS)
def test_a_well_formed_request_id_is_kept(client: FlaskClient, path: str, given: str) -> None:
    answer = client.get(path, headers={"X-Request-ID": given})

    assert answer.headers.get_all("X-Request-ID") == [given]


@pytest.mark.parametrize(
    "given", ["", "x" * 129, "a b", "a,b", "<script>", "é", "a/b", "a;b", "a\tb"]
)
def test_any_other_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": given})

    (made,) = answer.headers.get_all("X-Request-ID")
    assert made != given
    assert re.fullmatch("[A-Za-z0-9._-]{1,128}", made)


def test_a_preflight_has_a_request_id(client: FlaskClient) -> None:
    answer = client.options("/api/", headers={"Access-Control-Request-Method": "POST"})

    assert answer.headers["X-Request-ID"]


def test_health_names_the_dependencies(client: FlaskClient) -> None:
    answer = client.get("/api/health")

    body = answer.get_json()
    assert answer.status_code == 200
    assert set(body) == {"status", "redis", "postgres", "timestamp"}
    assert (body["status"], body["redis"], body["postgres"]) == ("healthy", True, True)
    assert abs(body["timestamp"] - time.time()) < 30
    assert isinstance(body["timestamp"], int)


@pytest.mark.parametrize("address", ["", "down"])
def test_health_without_redis_is_still_200(make_client: MakeClient, address: str) -> None:
    client = make_client(REDIS_ADDR=address and f"127.0.0.1:{free_port()}")

    answer = client.get("/api/health")

    assert answer.status_code == 200
    assert (answer.get_json()["status"], answer.get_json()["redis"]) == ("healthy", False)


def test_health_without_postgresql_is_503_and_healthz_is_not(make_client: MakeClient) -> None:
    client = make_client(POSTGRES_PORT=str(free_port()))

    begun = time.monotonic()
    answer = client.get("/api/health")
    took = time.monotonic() - begun

    assert answer.status_code == 503
    assert (answer.get_json()["status"], answer.get_json()["postgres"]) == ("unhealthy", False)
    assert took < 2 + MACHINE
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/api/metrics"])
def test_metrics_are_not_served_in_production(make_client: MakeClient, path: str) -> None:
    answer = make_client(ENV="production", POSTGRES_SSLMODE="disable").get(path)

    assert answer.status_code == 404
    assert answer.get_json()["code"] == "NOT_FOUND"


def first_segments(app: Flask) -> set[str]:
    """Return the words under which the service itself answers, at `/` and at `/api/`."""
    words = set()
    for rule in app.url_map.iter_rules():
        below = rule.rule.removeprefix("/api").strip("/").split("/")
        words.update({rule.rule.strip("/").split("/")[0], below[0]})
    return {word for word in words if word and "<" not in word}


def test_every_word_the_service_answers_under_is_reserved(app: Flask) -> None:
    assert first_segments(app) >= {"api", "healthz", "metrics", "user"}
    assert first_segments(app) <= RESERVED


def test_no_generated_code_could_be_a_word_the_service_answers_under(app: Flask) -> None:
    assert all(is_reserved(word) for word in first_segments(app))


def test_an_application_made_twice_counts_and_answers_once(make_client: MakeClient) -> None:
    first, second = make_client(), make_client()

    assert first.get("/healthz").headers.get_all("X-Request-ID") != []
    assert len(second.get("/healthz").headers.get_all("X-Request-ID")) == 1
