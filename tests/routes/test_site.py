"""What browsers and robots ask of any site: `/`, `/robots.txt`, icons."""

import urllib.robotparser

import pytest
from flask.testing import FlaskClient

from app.routes.site import ICONS
from tests.routes.conftest import MakeClient

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/", "//", "", "/?utm_source=x"])
def test_the_front_page_says_what_this_is(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": BROWSER})

    page = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "short" in page.lower()
    assert answer.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'sha"
    )
    for loads in ("src=", "url(", "@import", "<script", "http://", "https://"):
        assert loads not in page


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_it_shows_the_way_to_the_page_to_work_with_if_there_is_one(
    make_client: MakeClient, enabled: str
) -> None:
    client = make_client(CONSOLE_ENABLED=enabled)

    page = client.get("/", headers={"Accept": BROWSER}).get_data(as_text=True)

    assert ('<a href="/console/">' in page) == (client.get("/console/").status_code == 200)


@pytest.mark.parametrize("accept", ["", "*/*", "application/json"])
def test_programs_get_it_as_text(client: FlaskClient, accept: str) -> None:
    answer = client.get("/", headers={"Accept": accept})

    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert "/api/docs" in answer.get_data(as_text=True)
    assert "Accept" in answer.headers["Vary"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_or_it_leads_to_the_site(make_client: MakeClient, method: str) -> None:
    client = make_client(ROOT_REDIRECT_URL="https://fonsecaaso.com/start?from=short#x")

    answer = client.open("/", method=method)

    assert (answer.status_code, answer.data) == (302, b"")
    assert answer.headers["Location"] == "https://fonsecaaso.com/start?from=short#x"


def test_robots_may_follow_links_and_leave_the_api_alone(client: FlaskClient) -> None:
    answer = client.get("/robots.txt", headers={"Accept": BROWSER})

    rules = urllib.robotparser.RobotFileParser()
    rules.parse(answer.get_data(as_text=True).splitlines())
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert "max-age" in answer.headers["Cache-Control"]
    assert rules.can_fetch("Twitterbot", "/aB3xY9")
    assert not rules.can_fetch("Googlebot", "/api/aB3xY9")


@pytest.mark.parametrize("icon", ICONS)
def test_there_is_no_icon_and_nobody_needs_to_ask_again(client: FlaskClient, icon: str) -> None:
    answer = client.get(f"/{icon}", headers={"Accept": BROWSER})

    assert answer.status_code == 404
    assert answer.get_json() == {"error": "Not found", "code": "NOT_FOUND"}
    assert "max-age" in answer.headers["Cache-Control"]


def test_icons_use_nothing_up(make_client: MakeClient) -> None:
    client = make_client(RATE_LIMIT_ENABLED="true", RATE_LIMIT_RESOLVE="1/day")

    assert {client.get("/favicon.ico").status_code for _ in range(3)} == {404}
    assert client.get("/").status_code == 200
