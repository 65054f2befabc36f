"""`POST /api/`."""

import re
import uuid
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import targets
from app.tokens import Tokens
from tests.routes.conftest import SECRET, MakeClient

CREATED = "URL shortened successfully"
KNOWN = "URL already exists, returning existing short code"


@pytest.mark.parametrize("path", ["/api/", "/api"])
def test_a_new_target_is_created(client: FlaskClient, target: str, path: str) -> None:
    answer = client.post(path, json={"url": target})

    body = answer.get_json()
    assert answer.status_code == 201
    assert body == {"message": CREATED, "short_code": body["short_code"]}
    assert re.fullmatch("[a-zA-Z0-9]{6}", body["short_code"])
    assert answer.mimetype == "application/json"


def test_the_message_is_the_go_services_byte_for_byte(client: FlaskClient, target: str) -> None:
    answer = client.post("/api/", json={"url": target})

    code = answer.get_json()["short_code"]
    assert answer.data == f'{{"message":"{CREATED}","short_code":"{code}"}}'.encode()


def test_a_known_target_gives_its_code(client: FlaskClient, target: str, code: str) -> None:
    answer = client.post("/api/", json={"url": target})

    assert answer.status_code == 200
    assert answer.get_json() == {"message": KNOWN, "short_code": code}


def test_with_a_token_the_link_is_the_users_own(
    client: FlaskClient, target: str, code: str, bearer: dict[str, str]
) -> None:
    first = client.post("/api/", json={"url": target}, headers=bearer)
    second = client.post("/api/", json={"url": target}, headers=bearer)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json()["short_code"] == second.get_json()["short_code"] != code


@pytest.mark.parametrize(
    "header", ["Bearer nonsense", "Bearer a.b.c", "Bearer ", "Bearer", "Basic dTpw", "nonsense"]
)
def test_a_bad_token_is_refused_and_nothing_is_created(
    client: FlaskClient, target: str, header: str
) -> None:
    answer = client.post("/api/", json={"url": target}, headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.get_json()["code"] == "INVALID_TOKEN"
    assert client.post("/api/", json={"url": target}).status_code == 201


@pytest.mark.parametrize("header", ["", "  "])
def test_an_empty_authorization_is_none(client: FlaskClient, target: str, header: str) -> None:
    answer = client.post("/api/", json={"url": target}, headers={"Authorization": header})

    assert answer.status_code == 201


def test_the_scheme_of_the_token_may_have_any_case(
    client: FlaskClient, target: str, bearer: dict[str, str]
) -> None:
    token = bearer["Authorization"].removeprefix("Bearer ")

    answer = client.post(
        "/api/", json={"url": target}, headers={"Authorization": f"bearer   {token}"}
    )

    assert answer.status_code == 201


def test_the_token_of_a_user_who_never_was_is_refused(client: FlaskClient, target: str) -> None:
    token = Tokens(SECRET).issue(uuid.uuid4())

    answer = client.post(
        "/api/", json={"url": target}, headers={"Authorization": f"Bearer {token}"}
    )

    assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_TOKEN")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"https://e.com"',
        b"{}",
        b'{"url":null}',
        b'{"url":5}',
        b'{"url":["https://e.com"]}',
        b'{"URI":"https://e.com"}',
        b'{"URL":5}',
        b'{"url":5,"URL":"https://e.com"}',
        b'{"url":"https://e.com"',
        b'{"url":"https://e.com"} x',
        b"{'url':'https://e.com'}",
        b'{"url":"\\ud800"}',
        b'{"url":"\\udc00\\ud800"}',
        b'{"url":"\xff"}',
        b'{"url":"\xed\xa0\x80"}',
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"x":' * 20_000,
        b'{"url":NaN}',
        b"url=https://e.com",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_not_the_object_asked_for(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/api/", data=body, content_type="application/json")

    assert answer.status_code == 400
    said = answer.get_json()
    assert said["error"] == f"Invalid request format: {said['details']}"
    assert said["code"] == "INVALID_JSON"


def test_unknown_fields_are_ignored(client: FlaskClient, target: str) -> None:
    answer = client.post("/api/", json={"url": target, "more": {"deep": [1, 2.5, None]}})

    assert answer.status_code == 201


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://e.com/\0",
        "https://g.com/\rX-Test: 1",
        "https://e.com/a b",
        "https://me:pw@e.com/",
        "https://e\\.com",
        "https://intranet",
        "",
    ],
)
def test_a_refused_target_says_why(client: FlaskClient, url: str) -> None:
    answer = client.post("/api/", json={"url": url})

    body = answer.get_json()
    assert answer.status_code == 400
    assert body["code"] == "INVALID_URL"
    assert body["details"]
    assert body["error"] == f"Invalid URL format: {body['details']}"


def test_a_target_is_never_repeated_in_its_refusal(client: FlaskClient) -> None:
    answer = client.post("/api/", json={"url": "https://me:hunter2@e.com/<script>"})

    assert b"hunter2" not in answer.data
    assert b"script" not in answer.data


@pytest.mark.parametrize(
    ("character", "refused"), [("x", None), ("ж", "percent-encoded"), ("🙂", "percent-encoded")]
)
def test_the_longest_target_fits_in_a_body_of_ascii_json(
    client: FlaskClient, character: str, refused: str | None
) -> None:
    url = "https://e.com/" + character * (8_192 - len("https://e.com/"))

    # json= escapes everything that is not ASCII: twelve bytes for a character beyond the BMP.
    answer = client.post("/api/", json={"url": url})
    assert answer.status_code == (201 if refused is None else 400)
    assert refused is None or refused in answer.get_json()["details"]
    assert client.post("/api/", json={"url": url + "x"}).get_json()["code"] == "INVALID_URL"


@pytest.mark.parametrize("character", ["ж", "日", "🙂"])
def test_what_is_taken_is_sent_whole_and_by_proxies(client: FlaskClient, character: str) -> None:
    begin = "https://e.com/"
    most = (targets.LONGEST_SENT - len(begin)) // (3 * len(character.encode()))

    made = client.post("/api/", json={"url": begin + character * most})
    refused = client.post("/api/", json={"url": begin + character * (most + 1)})

    location = client.get(f"/{made.get_json()['short_code']}").headers["Location"]
    assert location == begin + quote(character) * most
    assert len(location) < 16 * 1024  # what an ALB takes for one header, and haproxy for all
    assert (refused.status_code, refused.get_json()["code"]) == (400, "INVALID_URL")


def test_a_huge_body_is_refused(client: FlaskClient) -> None:
    answer = client.post("/api/", json={"url": "x" * 200_000})

    assert answer.status_code == 413
    assert answer.get_json()["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    "url", ["https://s.example/abc", "s.example", "http://S.EXAMPLE.:80/", "http://here.example/x"]
)
def test_our_own_domain_and_the_requests_host_are_refused(
    make_client: MakeClient, url: str
) -> None:
    client = make_client(PUBLIC_BASE_URL="https://s.example")

    answer = client.post("/api/", json={"url": url}, headers={"Host": "here.example"})

    assert answer.get_json()["code"] == "INVALID_URL"
    assert "itself" in answer.get_json()["details"]


@pytest.mark.parametrize("host", ["mailto:x", "a b", "[", "é.com", "x" * 300, "e.com:port"])
def test_a_nonsensical_host_header_stops_nothing(
    client: FlaskClient, target: str, host: str
) -> None:
    answer = client.post("/api/", json={"url": target}, headers={"Host": host})

    assert answer.status_code in {201, 400}
    assert answer.is_json


def test_localhost_is_a_target_on_a_developers_machine_alone(make_client: MakeClient) -> None:
    production = make_client(ENV="production", POSTGRES_SSLMODE="disable")
    local = make_client()

    url = "http://localhost:3000/x"
    assert production.post("/api/", json={"url": url}).status_code == 400
    assert local.post("/api/", json={"url": url}).status_code == 201


def test_after_ten_clashes_of_codes_the_client_is_told(
    client: FlaskClient, code: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.codes.generate", lambda: code)

    answer = client.post("/api/", json={"url": f"{target}/other"})

    assert answer.status_code == 503
    assert answer.get_json()["code"] == "ID_GENERATION_FAILED"
    assert int(answer.headers["Retry-After"]) >= 1


def test_no_answer_names_the_framework(app: Flask, target: str) -> None:
    answer = app.test_client().post("/api/", json={"url": target})

    assert "Server" not in answer.headers
    assert "X-Powered-By" not in answer.headers
