"""How bodies are read: media types, foreign pages, names of fields."""

import json

import pytest
from flask.testing import FlaskClient

from tests.routes.conftest import MakeClient

FORM = "application/x-www-form-urlencoded"
UNASKED = [FORM, f"{FORM}; charset=UTF-8", "text/plain", "Text/Plain;charset=UTF-8", "", None]
FOREIGN = [
    "https://evil.example",
    "null",
    "http://fonsecaaso.com",
    "https://fonsecaaso.com.evil.example",
    "https://FONSECAASO.com",
    "https://fonsecaaso.com:444",
    "file://",
    "http://localhost:8080",
]
OWN = [None, "", "https://fonsecaaso.com", "http://localhost"]
CREDENTIALS = {"email": "nobody@example.org", "password": "secret1"}


@pytest.fixture
def production(make_client: MakeClient) -> FlaskClient:
    """Make a client of a service that knows one site only."""
    return make_client(ENV="production", POSTGRES_SSLMODE="disable")


def post(
    client: FlaskClient, path: str, body: object, media_type: str | None, origin: str | None = None
) -> tuple[int, str | None]:
    """Post JSON declared as something; return the status and the code word."""
    headers = {"Content-Type": media_type, "Origin": origin}
    answer = client.post(
        path,
        data=json.dumps(body),
        headers={name: value for name, value in headers.items() if value is not None},
    )
    return answer.status_code, answer.get_json().get("code")


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8",
                                        "application/ld+json", "text/json", *UNASKED])  # fmt: skip
def test_json_is_taken_as_what_curl_and_others_declare_it(
    client: FlaskClient, target: str, media_type: str | None
) -> None:
    assert post(client, "/api/", {"url": target}, media_type) == (201, None)


@pytest.mark.parametrize("path", ["/api/", "/api", "/api/signup", "/api/login"])
@pytest.mark.parametrize(
    "media_type", ["multipart/form-data", "text/html", "application/xml", "application/cbor", "x"]
)
def test_other_media_types_are_refused(client: FlaskClient, path: str, media_type: str) -> None:
    assert post(client, path, {}, media_type) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "body", [b"url=https%3A%2F%2Fe.com", b"https://e.com", b"", b"x" * 200_000]
)
@pytest.mark.parametrize("media_type", [FORM, "text/plain"])
def test_text_and_forms_that_are_no_json_are_what_they_say(
    client: FlaskClient, media_type: str, body: bytes
) -> None:
    answer = client.post("/api/", data=body, content_type=media_type)

    assert (answer.status_code, answer.get_json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("media_type", [FORM, "text/plain", "application/json"])
def test_json_of_another_shape_is_told_its_mistake(client: FlaskClient, media_type: str) -> None:
    answer = client.post("/api/", data=b"{}", content_type=media_type)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_JSON")


def test_what_no_browser_asks_about_is_refused_from_foreign_pages(production: FlaskClient) -> None:
    answers = {
        (origin, media_type): post(
            production, "/api/", {"url": "https://e.com/"}, media_type, origin
        )
        for origin in FOREIGN
        for media_type in UNASKED
    }

    assert set(answers.values()) == {(403, "FOREIGN_ORIGIN")}


@pytest.mark.parametrize("path", ["/api/signup", "/api/login"])
def test_so_it_is_for_accounts(production: FlaskClient, path: str) -> None:
    answer = post(production, path, CREDENTIALS, "text/plain", "https://evil.example")

    assert answer == (403, "FOREIGN_ORIGIN")


def test_from_pages_that_may_ask_and_from_programs_it_is_taken(production: FlaskClient) -> None:
    answers = {
        post(production, "/api/", {"url": "https://e.com/own"}, media_type, origin)[0]
        for origin in OWN
        for media_type in UNASKED
    }

    assert answers == {200, 201}


def test_what_a_browser_asks_about_first_is_no_matter_of_origins(production: FlaskClient) -> None:
    # The preflight was refused already; a program that says Origin is no browser.
    answer = post(
        production, "/api/", {"url": "https://e.com/"}, "application/json", "https://x.example"
    )

    assert answer[0] in {200, 201}


@pytest.mark.parametrize("name", ["url", "URL", "Url", "uRL"])
def test_names_of_fields_have_any_case(client: FlaskClient, target: str, name: str) -> None:
    answer = client.post("/api/", json={name: target, "more": 1})

    code = answer.get_json()["short_code"]
    assert client.get(f"/{code}").headers["Location"] == target


@pytest.mark.parametrize("first", [True, False])
def test_the_exact_name_wins(client: FlaskClient, target: str, *, first: bool) -> None:
    exact, other = f'"url":"{target}"', '"URL":"https://other.example"'
    body = "{%s,%s}" % ((exact, other) if first else (other, exact))

    answer = client.post("/api/", data=body, content_type="application/json")

    assert client.get(f"/{answer.get_json()['short_code']}").headers["Location"] == target


def test_so_it_is_for_names_that_may_be_absent(client: FlaskClient, email: str) -> None:
    signed_up = client.post(
        "/api/signup", json={"Email": email, "PASSWORD": "secret1", "Username": f"n-{email}"}
    ).get_json()
    logged_in = client.post("/api/login", json={"EMAIL": email, "Password": "secret1"})

    assert signed_up["user"]["username"] == f"n-{email}"
    assert logged_in.status_code == 200


def test_no_other_letter_is_taken_for_two(client: FlaskClient) -> None:
    answer = client.post("/api/login", json={"email": "a@example.org", "paßword": "secret1"})

    assert answer.get_json()["code"] == "INVALID_PAYLOAD"
    assert "`password`" in answer.get_json()["error"]


DEPTHS = [65, 900, 990, 1_000, 8_000, 20_000]
WITH_A_BODY = [
    ("POST", "/api/", "url"),
    ("POST", "/api/", "more"),
    ("POST", "/api/signup", "email"),
    ("POST", "/api/login", "password"),
    ("POST", "/api/links/bulk", "links"),
    ("PATCH", "/api/tags/x", "name"),
    ("POST", "/api/keys", "scopes"),
    ("POST", "/api/imports", "name"),
    ("POST", "/api/account/password", "current_password"),
    ("POST", "/api/account/logout-everywhere", "keys"),
    ("DELETE", "/api/account", "links"),
    *(
        ("PATCH", "/api/links/none", name)
        for name in ("title", "tags", "rules", "url", "max_visits", "starts_at", "more")
    ),
]


def nested(depth: int, begin: str, end: str) -> str:
    """Return JSON of so many levels, the last of which holds a number."""
    return begin * depth + "1" + end * depth


@pytest.mark.parametrize(("method", "path", "member"), WITH_A_BODY, ids="-".join)
def test_what_is_nested_too_deeply_is_told_so_at_any_depth(
    client: FlaskClient, bearer: dict[str, str], method: str, path: str, member: str
) -> None:
    around = 2 if path.endswith("bulk") else 0  # a link of a bulk may be as deep as alone
    answers = [
        client.open(
            path,
            method=method,
            data=f'{{"{member}":{nested(around + depth - 1, begin, end)}}}',
            headers=bearer,
            content_type="application/json",
        )
        for depth in DEPTHS
        for begin, end in (('{"a":', "}"), ("[", "]"))
    ]

    told = {(answer.status_code, answer.get_json()["details"]) for answer in answers}
    assert told == {(400, "the body is nested too deeply")}


def test_so_it_is_where_nothing_is_closed_or_said(client: FlaskClient) -> None:
    for body in (b"[" * 1_000, b'{"url":' * 1_000, b'["\\"]",' * 1_000):
        answer = client.post("/api/", data=body, content_type="application/json")

        assert answer.get_json()["details"] == "the body is nested too deeply"


@pytest.mark.parametrize("inside", ["[" * 200, "{" * 200, '\\"[[' * 200, "\\\\"])
def test_brackets_in_a_text_nest_nothing(client: FlaskClient, target: str, inside: str) -> None:
    body = f'{{"more":"{inside}","even":{nested(63, "[", "]")},"url":"{target}"}}'

    answer = client.post("/api/", data=body, content_type="application/json")

    assert answer.status_code == 201


def test_what_is_long_and_flat_is_not_deep(client: FlaskClient, target: str) -> None:
    answer = client.post("/api/", json={"url": target, "more": [[], {}] * 1_000})

    assert answer.status_code == 201


@pytest.mark.parametrize("path", ["/api/", "/api/signup", "/api/login"])
def test_a_body_that_is_too_long_is_told_how_much_is_allowed(
    client: FlaskClient, path: str
) -> None:
    answer = client.post(path, json={"url": "x" * 200_000})

    assert answer.status_code == 413
    assert answer.get_json() == {
        "error": "Payload too large: the body may have at most 131072 bytes",
        "code": "PAYLOAD_TOO_LARGE",
        "details": "the body may have at most 131072 bytes",
    }
