"""Security headers on every kind of answer."""

import re

import pytest

from tests.conftest import StartService
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.security.wire import Answer, Asker, exchange

BROWSER = (b"Accept", b"text/html,application/xhtml+xml,*/*;q=0.8")
ASKED = {
    "probe": (b"GET", b"/healthz", 200),
    "health": (b"GET", b"/api/health", 200),
    "metrics": (b"GET", b"/metrics", 200),
    "document": (b"GET", b"/api/openapi.json", 200),
    "documentation": (b"GET", b"/api/docs", 200),
    "not found": (b"GET", b"/no/where", 404),
    "no link": (b"GET", b"/zzzzzz", 404),
    "no link, API": (b"GET", b"/api/zzzzzz", 404),
    "no token": (b"GET", b"/api/user/urls", 401),
    "wrong method": (b"DELETE", b"/api/", 405),
    "bad body": (b"POST", b"/api/login", 400),
    "options": (b"OPTIONS", b"/api/", 204),
    "redirect": (b"GET", b"/headrs", 302),
    "resolve": (b"GET", b"/api/headrs", 200),
}


@pytest.fixture(scope="module", autouse=True)
def _link(attacked_database: Database) -> None:
    with attacked_database.connect() as connection:
        connection.execute("INSERT INTO urls (id, original_url) VALUES ('headrs', 'https://e.com')")


def ask(service: Service, kind: str, *headers: tuple[bytes, bytes]) -> Answer:
    method, path, status = ASKED[kind]
    with Asker(service) as asker:
        answer = asker.ask(method, path, list(headers))
    assert answer.status == status
    return answer


@pytest.mark.parametrize("kind", ASKED)
def test_browsers_neither_guess_nor_frame(attacked: Service, kind: str) -> None:
    headers = ask(attacked, kind, BROWSER).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize("kind", sorted(set(ASKED) - {"redirect", "document", "documentation"}))
def test_nothing_is_kept_by_a_cache(attacked: Service, kind: str) -> None:
    assert ask(attacked, kind).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", ["document", "documentation"])
def test_the_documentation_is_kept_but_asked_about(attacked: Service, kind: str) -> None:
    assert ask(attacked, kind).headers["cache-control"] == "no-cache"


def test_a_temporary_redirect_leaves_caching_to_its_status(attacked: Service) -> None:
    assert "cache-control" not in ask(attacked, "redirect").headers


def test_a_target_learns_the_site_of_a_click_and_not_the_page(attacked: Service) -> None:
    headers = ask(attacked, "redirect").headers

    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"


@pytest.mark.parametrize("kind", ["no link", "documentation"])
def test_a_page_tells_nobody_its_address(attacked: Service, kind: str) -> None:
    answer = ask(attacked, kind, BROWSER)

    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_what_the_parser_refuses_has_the_headers_too(attacked: Service) -> None:
    (answer,) = exchange(attacked, b"NONSENSE\r\n\r\n")

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


def test_no_header_tells_a_version(attacked: Service) -> None:
    for kind in ASKED:
        headers = ask(attacked, kind).headers
        assert headers["server"] == "gunicorn"
        assert "x-powered-by" not in headers
        assert not re.search("python|werkzeug|flask", str(headers).lower())


def test_no_cookie_is_ever_set(attacked: Service) -> None:
    assert not [kind for kind in ASKED if "set-cookie" in ask(attacked, kind).headers]


def test_over_tls_browsers_are_told_to_come_back_over_tls(
    start_service: StartService, attacked_database: Database, shared_valkey: Valkey
) -> None:
    environment = {**attacked_database.environment, **shared_valkey.environment()}
    service = start_service({**environment, "TRUSTED_PROXIES": "1"})

    def transport(scheme: bytes) -> list[str | None]:
        sent = (b"X-Forwarded-Proto", scheme)
        return [ask(service, kind, sent).headers.get("strict-transport-security") for kind in ASKED]

    assert set(transport(b"https")) == {"max-age=31536000"}
    assert set(transport(b"http")) == {None}


def test_a_client_cannot_pretend_to_come_over_tls(attacked: Service) -> None:
    answer = ask(attacked, "probe", (b"X-Forwarded-Proto", b"https"))

    assert "strict-transport-security" not in answer.headers
