"""The contract's main flow, seen from outside, on gunicorn as production runs it."""

import re
import uuid
from collections.abc import Iterator

import pytest
import requests

from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

WAIT = 10.0
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    """Run one service for the tests of this file, which leave it as they found it."""
    environment = {**module_database.environment, **module_valkey.environment()}
    with Service({**environment, "WEB_CONCURRENCY": "2"}) as service:
        yield service


@pytest.fixture
def target() -> str:
    """Return a target that no other test uses."""
    return f"https://example.com/{uuid.uuid4()}?q=%2B#x"


@pytest.fixture
def email() -> str:
    """Return an address that no other test uses."""
    return f"{uuid.uuid4()}@example.org"


def get(service: Service, path: str, **more: str) -> requests.Response:
    return requests.get(service.url + path, headers=more, timeout=WAIT, allow_redirects=False)


def post(service: Service, path: str, body: object, **more: str) -> requests.Response:
    return requests.post(
        service.url + path, json=body, headers=more, timeout=WAIT, allow_redirects=False
    )


def shorten(service: Service, target: str, **more: str) -> str:
    answer = post(service, "/api/", {"url": target}, **more)
    assert answer.status_code in {200, 201}
    return str(answer.json()["short_code"])


def sign_up(service: Service, email: str) -> dict[str, str]:
    answer = post(service, "/api/signup", {"email": email, "password": PASSWORD})
    assert answer.status_code == 201
    return {"Authorization": f"Bearer {answer.json()['token']}"}


@pytest.mark.parametrize("path", ["/api/", "/api"])
def test_create_and_create_again(service: Service, target: str, path: str) -> None:
    first, second = (post(service, path, {"url": target}) for _ in range(2))

    code = first.json()["short_code"]
    assert re.fullmatch("[a-zA-Z0-9]{6}", code)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == {"message": "URL shortened successfully", "short_code": code}
    assert second.json() == {
        "message": "URL already exists, returning existing short code",
        "short_code": code,
    }


def test_resolve(service: Service, target: str) -> None:
    answer = get(service, f"/api/{shorten(service, target)}")

    assert answer.status_code == 200
    assert answer.json() == {"message": "URL retrieved successfully", "url": target}
    assert answer.headers["Cache-Hit"] in {"true", "false"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_redirect(service: Service, target: str, method: str) -> None:
    answer = requests.request(
        method,
        f"{service.url}/{shorten(service, target)}",
        timeout=WAIT,
        allow_redirects=False,
    )

    assert answer.status_code == 302
    assert answer.headers["Location"] == target
    assert answer.content == b""


def test_every_worker_finds_a_link_at_once(service: Service, target: str) -> None:
    code = shorten(service, target)

    # Connections of their own, so that both workers get some.
    assert {get(service, f"/api/{code}").status_code for _ in range(20)} == {200}


def test_signup_login_create_list(service: Service, target: str, email: str) -> None:
    bearer = sign_up(service, email)
    login = post(service, "/api/login", {"email": email.upper(), "password": PASSWORD})
    code = shorten(service, target, Authorization=f"Bearer {login.json()['token']}")

    listed = get(service, "/api/user/urls", **bearer)

    assert login.status_code == listed.status_code == 200
    (url,) = listed.json()["urls"]
    assert (url["id"], url["url"]) == (code, target)


def test_a_new_users_list_is_empty(service: Service, email: str) -> None:
    answer = get(service, "/api/user/urls", **sign_up(service, email))

    assert answer.json() == {"message": "User URLs retrieved successfully", "urls": []}


@pytest.mark.parametrize("path", ["/api/", "/api/user/urls"])
def test_the_token_of_a_user_who_is_gone_is_refused(
    service: Service, module_database: Database, target: str, email: str, path: str
) -> None:
    bearer = sign_up(service, email)
    with module_database.connect() as connection:
        connection.execute("DELETE FROM users WHERE email = %s", (email,))

    create = path == "/api/"
    answer = (
        post(service, path, {"url": target}, **bearer) if create else get(service, path, **bearer)
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_TOKEN")


def test_probes(service: Service) -> None:
    health, healthz = get(service, "/api/health"), get(service, "/healthz")

    assert health.status_code == healthz.status_code == 200
    assert health.json()["status"] == "healthy"
    assert (health.json()["redis"], health.json()["postgres"]) == (True, True)
    assert healthz.json()["status"] == "ok"


@pytest.mark.parametrize("path", ["/metrics", "/api/metrics"])
def test_metrics_on_a_developers_machine(service: Service, path: str) -> None:
    answer = get(service, path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/zzzzzz", 404, "URL_NOT_FOUND"),
        ("GET", "/api/zzzzzz", 404, "URL_NOT_FOUND"),
        ("GET", "/abc", 400, "INVALID_SHORT_URL"),
        ("GET", "/api", 400, "RESERVED_WORD"),
        ("GET", "/no/where", 404, "NOT_FOUND"),
        ("PUT", "/api/", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/user/urls", 401, "MISSING_TOKEN"),
    ],
)
def test_errors_are_json(service: Service, method: str, path: str, status: int, code: str) -> None:
    answer = requests.request(method, service.url + path, timeout=WAIT)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-ID"]


def test_a_browser_gets_a_page_for_a_link_that_is_not_there(service: Service) -> None:
    answer = get(service, "/zzzzzz", Accept=BROWSER)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["X-Request-ID"] in answer.text


def test_the_server_does_not_tell_its_version(service: Service) -> None:
    answer = get(service, "/healthz")

    assert not re.search("[0-9]", answer.headers.get("Server", ""))


def test_a_request_id_is_kept_in_answer_and_log(service: Service, target: str) -> None:
    given = f"test.{uuid.uuid4()}"

    answer = get(service, f"/api/{shorten(service, target)}", **{"X-Request-ID": given})

    assert answer.headers["X-Request-ID"] == given
    assert service.await_record(lambda record: record.get("request_id") == given)


def test_one_connection_serves_many_requests(service: Service, target: str) -> None:
    code = shorten(service, target)
    with requests.Session() as session:
        session.trust_env = False
        statuses = {
            session.get(f"{service.url}/api/{code}", timeout=WAIT).status_code for _ in range(50)
        }

    assert statuses == {200}


def test_no_password_and_no_token_is_printed(service: Service, target: str, email: str) -> None:
    password = f"password-{uuid.uuid4()}"
    marker = f"done.{uuid.uuid4()}"
    token = post(service, "/api/signup", {"email": email, "password": password}).json()["token"]
    post(service, "/api/login", {"email": email, "password": password})
    post(service, "/api/login", {"email": email, "password": password + "x"})
    shorten(service, target, Authorization=f"Bearer {token}")
    get(service, "/api/user/urls", Authorization=f"Bearer {token}x")
    get(service, f"/no/where?token={token}", **{"X-Request-ID": marker})

    service.await_record(lambda record: record.get("request_id") == marker)

    printed = service.stdout + service.stderr
    assert password not in printed
    assert token not in printed
    assert service.environment["JWT_SECRET"] not in printed
    assert service.environment["POSTGRES_PASSWORD"] + "@" not in printed
