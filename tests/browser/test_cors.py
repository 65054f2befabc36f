"""What a browser lets a page of another origin do with the service."""

import re
import uuid

import pytest

from tests.browser.conftest import OpenPage, Script
from tests.conftest import StartService
from tests.harness.servers import Database
from tests.harness.service import Service


@pytest.fixture
def target() -> str:
    """Make up a target that no other test uses."""
    return f"https://example.com/a?b={uuid.uuid4()}"


@pytest.fixture
def user() -> dict[str, str]:
    """Make up somebody without a username, as the frontend signs people up."""
    return {"email": f"{uuid.uuid4()}@example.com", "password": "correct horse"}


def test_the_page_creates_and_resolves(script: Script, target: str) -> None:
    created = script.call("POST", "/api/", {"url": target})

    resolved = script.call("GET", f"/api/{created['body']['short_code']}")

    assert (created["status"], resolved["status"]) == (201, 200)
    assert resolved["body"]["url"] == target


def test_the_page_signs_up_and_lists_its_links(
    script: Script, target: str, user: dict[str, str]
) -> None:
    token = script.call("POST", "/api/signup", user)["body"]["token"]
    before = script.call("GET", "/api/user/urls", token=token)
    code = script.call("POST", "/api/", {"url": target}, token)["body"]["short_code"]

    after = script.call("GET", "/api/user/urls", token=token)

    assert before["body"]["urls"] == []
    assert [(link["id"], link["url"]) for link in after["body"]["urls"]] == [(code, target)]


def test_the_page_logs_in(script: Script, user: dict[str, str]) -> None:
    script.call("POST", "/api/signup", user)

    token = script.call("POST", "/api/login", user)["body"]["token"]

    assert script.call("GET", "/api/user/urls", token=token)["status"] == 200


def test_the_page_reads_the_exposed_headers(script: Script, target: str) -> None:
    code = script.call("POST", "/api/", {"url": target})["body"]["short_code"]

    headers = script.call("GET", f"/api/{code}")["headers"]

    assert headers["cache-hit"] in {"true", "false"}
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", headers["x-request-id"])


def test_the_page_reads_errors(script: Script) -> None:
    answers = [
        script.call("POST", "/api/", {"url": "ftp://example.com"}),
        script.call("GET", "/api/zzzzzz"),
        script.call("GET", "/api/user/urls"),
        script.call("GET", "/api/no/such/route"),
        script.call("DELETE", "/api/login"),
    ]

    assert [(answer["status"], answer["body"]["code"]) for answer in answers] == [
        (400, "INVALID_URL"),
        (404, "URL_NOT_FOUND"),
        (401, "MISSING_TOKEN"),
        (404, "NOT_FOUND"),
        (405, "METHOD_NOT_ALLOWED"),
    ]


def test_the_page_reads_when_to_come_back(
    open_page: OpenPage,
    start_service: StartService,
    module_database: Database,
    our_origin: str,
    target: str,
) -> None:
    limited = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT": "1/day"}
    settings = {"CORS_ALLOWED_ORIGINS": our_origin, **limited}
    script = open_page(our_origin, start_service({**module_database.environment, **settings}))
    script.call("POST", "/api/", {"url": target})

    answer = script.call("POST", "/api/", {"url": target})

    assert answer["body"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert int(answer["headers"]["retry-after"]) == answer["body"]["retry_after"]


def test_a_page_of_another_origin_reads_nothing(
    open_page: OpenPage, script: Script, strange_origin: str, target: str
) -> None:
    code = script.call("POST", "/api/", {"url": target})["body"]["short_code"]

    answer = open_page(strange_origin).call("GET", f"/api/{code}")

    assert answer == {"refused": "TypeError"}


def test_a_page_of_another_origin_creates_nothing(
    open_page: OpenPage, strange_origin: str, module_database: Database, target: str
) -> None:
    answer = open_page(strange_origin).call("POST", "/api/", {"url": target})

    statement = "SELECT count(*) FROM urls WHERE original_url = %s"
    with module_database.connect() as connection:
        rows = connection.execute(statement, [target]).fetchone()
    assert answer == {"refused": "TypeError"}
    assert rows == (0,)


def test_a_short_link_leads_the_browser_to_its_target(
    script: Script, api: Service, our_origin: str
) -> None:
    target = f"{our_origin}/page.html?from=short#end"
    code = script.call("POST", "/api/", {"url": target})["body"]["short_code"]

    script.page.goto(f"{api.url}/{code}")

    assert script.page.url == target


def test_an_unknown_link_shows_a_page_that_loads_nothing_else(script: Script, api: Service) -> None:
    asked: list[str] = []
    script.page.on("request", lambda request: asked.append(request.url))

    answer = script.page.goto(f"{api.url}/zzzzzz")

    assert answer is not None
    assert answer.status == 404
    assert answer.headers["x-request-id"] in script.page.inner_text("body")
    assert {url for url in asked if not url.endswith("/favicon.ico")} == {f"{api.url}/zzzzzz"}
