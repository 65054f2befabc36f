"""`GET /api/<code>` and `GET /<code>`."""

import uuid
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.harness.servers import Database
from tests.routes.conftest import MakeClient

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def test_resolving_tells_the_target(client: FlaskClient, code: str, target: str) -> None:
    answer = client.get(f"/api/{code}")

    assert answer.status_code == 200
    assert answer.get_json() == {"message": "URL retrieved successfully", "url": target}


def test_a_redirect_leads_to_the_target(client: FlaskClient, code: str, target: str) -> None:
    answer = client.get(f"/{code}")

    assert answer.status_code == 302
    assert answer.headers["Location"] == target
    assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize("path", ["/{}", "/api/{}"])
def test_head_is_answered_like_get_without_a_body(
    client: FlaskClient, code: str, path: str
) -> None:
    get, head = client.get(path.format(code)), client.head(path.format(code))

    assert head.status_code == get.status_code
    assert head.headers.get("Location") == get.headers.get("Location")
    assert head.data == b""


@pytest.mark.parametrize("path", ["/{}", "/api/{}"])
def test_a_slash_behind_the_code_leads_to_the_same(
    client: FlaskClient, code: str, path: str
) -> None:
    without, with_slash = client.get(path.format(code)), client.get(path.format(code) + "/")

    assert with_slash.status_code == without.status_code
    assert with_slash.headers.get("Location") == without.headers.get("Location")


def test_the_query_of_the_request_changes_nothing(
    client: FlaskClient, code: str, target: str
) -> None:
    assert client.get(f"/{code}?utm=x").headers["Location"] == target


@pytest.mark.parametrize("path", ["/{}", "/api/{}"])
def test_the_cache_hit_is_told(make_client: MakeClient, code: str, path: str) -> None:
    # Another process, whose own cache is empty and which has no Redis.
    client = make_client(REDIS_ADDR="")

    hits = [client.get(path.format(code)).headers["Cache-Hit"] for _ in range(2)]

    assert hits == ["false", "true"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_status_of_redirects_is_a_setting(
    make_client: MakeClient, code: str, target: str, status: int
) -> None:
    answer = make_client(REDIRECT_STATUS=str(status)).get(f"/{code}")

    assert answer.status_code == status
    assert answer.headers["Location"] == target
    expected = "private, max-age=90" if status in {301, 308} else None
    assert answer.headers.get("Cache-Control") == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://e.com/?abc#123",
        "https://e.com/?5=x",
        "https://e.com/?a=%2B",
        "https://e.com/?q=%27%25x%25%27",
        "https://e.com/%7e%2f/..//.",
        "http://e.com:7/",
        "https://[2001:db8::1]/",
        "HTTPS://E.Com/X",
        "https://e.com/a'b(c)\"<>{}|^`~",
    ],
)
def test_a_location_is_the_target_byte_for_byte(client: FlaskClient, url: str) -> None:
    code = client.post("/api/", json={"url": url}).get_json()["short_code"]

    assert client.get(f"/{code}").headers["Location"] == url
    assert client.get(f"/api/{code}").get_json()["url"] == url


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://e.com/ж?ü=日#🙂", "https://e.com/%D0%B6?%C3%BC=%E6%97%A5#%F0%9F%99%82"),
        ("http://президент.рф/", "http://xn--d1abbgf6aiiy.xn--p1ai/"),
    ],
)
def test_what_is_not_ascii_is_encoded_in_the_location_alone(
    client: FlaskClient, url: str, location: str
) -> None:
    code = client.post("/api/", json={"url": url}).get_json()["short_code"]

    assert client.get(f"/{code}").headers["Location"] == location
    assert client.get(f"/api/{code}").get_json()["url"] == url


def test_a_target_without_scheme_is_sent_with_one(client: FlaskClient) -> None:
    code = client.post("/api/", json={"url": "no-scheme.com/x"}).get_json()["short_code"]

    assert client.get(f"/{code}").headers["Location"] == "https://no-scheme.com/x"
    assert client.get(f"/api/{code}").get_json()["url"] == "https://no-scheme.com/x"


@pytest.mark.parametrize("prefix", ["/", "/api/"])
@pytest.mark.parametrize(
    "code", ["abc", "abcdefg", "abc-ef", "abcde%20", "%00", "%C0", "%ED%A0%80", "🙂", "a.ico"]
)
def test_a_code_that_cannot_exist(client: FlaskClient, prefix: str, code: str) -> None:
    answer = client.get(prefix + code)

    assert answer.status_code == 400
    assert answer.get_json() == {"error": "Invalid short URL format", "code": "INVALID_SHORT_URL"}


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/user",
        "/health",
        "/login",
        "/api/user",
        "/docs",
        "/api/robots.txt",
        "/api/ api",
    ],
)
def test_a_reserved_word(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 400
    assert answer.get_json() == {
        "error": "Invalid short code - reserved word",
        "code": "RESERVED_WORD",
    }


@pytest.mark.parametrize("prefix", ["/", "/api/"])
def test_a_code_that_nobody_has(client: FlaskClient, prefix: str) -> None:
    for _ in range(2):  # the second answer comes from a cache
        answer = client.get(f"{prefix}zzzzzz")

        assert answer.status_code == 404
        assert answer.get_json() == {"error": "Short URL not found", "code": "URL_NOT_FOUND"}


def get(client: FlaskClient, path: str) -> TestResponse:
    """Ask as a server would: the client itself takes `//name` for a host."""
    return client.get("/", environ_overrides={"PATH_INFO": unquote(path, "latin-1")})


@pytest.mark.parametrize(
    "path",
    ["/api/%20{}%20", "/api/{}%20", "/api/%09{}%0A", "/api/%C2%A0{}", "//api//{}", "/api//{}",
     "///api/{}", "/api/{}/", "//api///%20{}//", "/%20{}%20", "//{}", "/{}/", "/{}%0A"],
)  # fmt: skip
def test_spaces_around_a_code_and_slashes_change_nothing(
    client: FlaskClient, code: str, target: str, path: str
) -> None:
    answer = get(client, path.format(code))

    if "api" in path:
        assert (answer.status_code, answer.get_json()["url"]) == (200, target)
    else:
        assert (answer.status_code, answer.headers["Location"]) == (302, target)


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/%2e%2e", "/%2F/evil.example"])
def test_slashes_lead_nowhere_else(client: FlaskClient, path: str) -> None:
    answer = get(client, path)

    assert answer.status_code in {400, 404}
    assert "Location" not in answer.headers


@pytest.mark.parametrize("character", ["日", "🙂"])
def test_a_stored_target_that_no_proxy_would_take_is_told(
    client: FlaskClient, module_database: Database, character: str
) -> None:
    stored, code = "https://e.com/" + character * 8_000, f"long{ord(character) % 100:02}"
    with module_database.connect() as connection:
        connection.execute("INSERT INTO urls (id, original_url) VALUES (%s, %s)", (code, stored))

    for _ in range(2):  # the second answer comes from a cache
        followed, asked = client.get(f"/{code}"), client.get(f"/api/{code}")

    assert (followed.status_code, followed.get_json()["code"]) == (400, "INVALID_URL")
    assert "percent-encoded" in followed.get_json()["error"]
    assert "Location" not in followed.headers
    # The frontend's own way needs no header.
    assert (asked.status_code, asked.get_json()["url"]) == (200, stored)


def test_codes_are_told_apart_by_case(client: FlaskClient) -> None:
    code = "small"
    while code == code.lower():  # what is in capitals alone is looked up in small letters too
        body = {"url": f"https://example.com/{uuid.uuid4()}"}
        code = client.post("/api/", json=body).get_json()["short_code"]

    assert client.get(f"/{code.swapcase()}").status_code in {400, 404}


@pytest.mark.parametrize(
    ("path", "status"), [("/zzzzzz", 404), ("/abc", 400), ("/health", 400), ("/%C0", 400)]
)
def test_a_browser_gets_a_page(client: FlaskClient, path: str, status: int) -> None:
    answer = client.get(path, headers={"Accept": BROWSER, "X-Request-ID": "my-request.1"})

    page = answer.get_data(as_text=True)
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert "my-request.1" in page
    assert str(status) in page
    assert "Accept" in answer.headers["Vary"]
    for loads in ("src=", "href=", "url(", "@import", "<script", "http://", "https://"):
        assert loads not in page
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_page_repeats_nothing_of_the_request(client: FlaskClient) -> None:
    answer = client.get("/<script>alert(1)", headers={"Accept": BROWSER})

    assert b"alert" not in answer.data


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "text/html;q=0.5,application/json",
        "text/html;q=0",
        "nonsense",
    ],
)
def test_who_does_not_prefer_html_gets_json(client: FlaskClient, accept: str) -> None:
    answer = client.get("/zzzzzz", headers={"Accept": accept})

    assert answer.get_json()["code"] == "URL_NOT_FOUND"


@pytest.mark.parametrize(
    "path", ["/api/zzzzzz", "/a/b", "/api/user/urls", "/api/x/y", "/favicon.ico"]
)
def test_a_browser_gets_json_everywhere_else(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": BROWSER})

    assert answer.status_code >= 400
    assert answer.is_json
