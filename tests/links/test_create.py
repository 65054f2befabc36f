"""`POST /api/` with more than a target."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.links.conftest import Create, Follow
from tests.routes.conftest import MakeClient

Bearer = dict[str, str]
CREATED = "URL shortened successfully"


def post(client: FlaskClient, body: dict[str, Any], headers: Bearer | None = None) -> Any:
    answer = client.post("/api/", json=body, headers=headers)
    return answer.status_code, answer.get_json()


def test_the_answer_of_today_gains_the_whole_link(
    client: FlaskClient, bearer: Bearer, target: str
) -> None:
    status, body = post(client, {"url": target, "title": " A title "}, bearer)

    assert status == 201
    assert (body["message"], body["short_code"]) == (CREATED, body["link"]["code"])
    link = body["link"]
    assert re.fullmatch("[a-zA-Z0-9]{6}", link["code"])
    assert link == {
        "code": link["code"],
        "short_url": f"http://localhost/{link['code']}",
        "url": target,
        "title": "A title",
        "tags": [],
        "starts_at": None,
        "expires_at": None,
        "max_visits": None,
        "redirect_status": None,
        "forward_query": None,
        "rules": [],
        "state": "active",
        "blocked": False,
        "created_at": link["created_at"],
        "changed_at": link["changed_at"],
        "visits": 0,
        "visitors": 0,
        "bots": 0,
        "last_visit_at": None,
    }
    assert link["created_at"].endswith("Z")


def test_the_short_url_is_under_our_own_domain(make_client: MakeClient, target: str) -> None:
    client = make_client(PUBLIC_BASE_URL="https://s.example")

    _, body = post(client, {"url": target, "alias": "own-domain"})

    assert body["link"]["short_url"] == "https://s.example/own-domain"


@pytest.mark.parametrize("nothing", [None, [], ""])
def test_what_is_null_or_empty_is_not_given(
    client: FlaskClient, bearer: Bearer, target: str, nothing: object
) -> None:
    fields = ("title", "alias") if nothing == "" else ("tags", "rules")
    body = {"url": target, **dict.fromkeys(fields, nothing)}

    first, second = post(client, body, bearer), post(client, {"url": target}, bearer)

    assert (first[0], second[0]) == (201, 200)
    assert first[1]["short_code"] == second[1]["short_code"]
    assert "link" not in first[1]


def test_a_managed_link_is_one_of_its_own_that_dedupe_never_finds(
    client: FlaskClient, bearer: Bearer, target: str
) -> None:
    codes = [post(client, {"url": target, "title": "x"}, bearer)[1]["short_code"] for _ in "ab"]
    status, body = post(client, {"url": target}, bearer)
    again = post(client, {"url": target}, bearer)

    assert len({*codes, body["short_code"]}) == 3
    assert (status, again[0], again[1]["short_code"]) == (201, 200, body["short_code"])


def test_an_alias_is_kept_in_lower_case_and_found_in_any(create: Create, follow: Follow) -> None:
    link = create(alias="My_Alias-1")

    assert link["code"] == "my_alias-1"
    for spelling in ("my_alias-1", "My_Alias-1", "MY_ALIAS-1"):
        assert follow(spelling).headers["Location"] == link["url"]


def test_a_generated_code_is_found_before_an_alias_in_another_case(
    client: FlaskClient, create: Create, follow: Follow
) -> None:
    code = "ABCDEF"
    _, body = post(client, {"url": "https://generated.example"})
    while body["short_code"] == body["short_code"].lower():
        _, body = post(client, {"url": f"https://generated.example/{body['short_code']}"})
    code = body["short_code"]
    plain = follow(code).headers["Location"]

    alias = create(alias=code)

    assert alias["code"] == code.lower() != code
    assert follow(code).headers["Location"] == plain
    assert follow(code.lower()).headers["Location"] == alias["url"]
    if code != code.upper():
        assert follow(code.upper()).headers["Location"] == alias["url"]


def test_an_alias_that_is_a_generated_code_is_taken(client: FlaskClient, bearer: Bearer) -> None:
    number = 0
    while True:
        number += 1
        code = post(client, {"url": f"https://lower.example/{number}"})[1]["short_code"]
        if code == code.lower():
            break
        if number > 200:
            pytest.skip("no code without a capital came")

    status, body = post(client, {"url": "https://other.example", "alias": code}, bearer)

    assert (status, body["code"]) == (409, "ALIAS_TAKEN")


def test_the_callers_own_alias_with_the_same_target_is_given_again(
    client: FlaskClient, bearer: Bearer, create: Create
) -> None:
    link = create(alias="twice")

    status, body = post(client, {"url": link["url"], "alias": "TWICE"}, bearer)

    assert (status, body["link"]) == (200, link)


@pytest.mark.parametrize("whose", ["own", "nobody's", "deleted"])
def test_a_taken_alias_is_a_conflict(
    client: FlaskClient, bearer: Bearer, create: Create, whose: str
) -> None:
    alias = f"taken-{whose[0]}"
    link = create(alias=alias)
    headers = None if whose == "nobody's" else bearer
    url = link["url"] if whose != "own" else "https://e.com/another"
    if whose == "deleted":
        client.delete(f"/api/links/{alias}", headers=bearer)

    status, body = post(client, {"url": url, "alias": alias}, headers)

    assert (status, body["code"]) == (409, "ALIAS_TAKEN")


@pytest.mark.parametrize("alias", ["health", "HEALTH", "Api", "links", "TAGS", "console", "docs"])
def test_a_reserved_word_is_no_alias_in_whatever_case(
    client: FlaskClient, bearer: Bearer, target: str, alias: str
) -> None:
    status, body = post(client, {"url": target, "alias": alias}, bearer)

    assert (status, body["code"]) == (400, "RESERVED_WORD")


@pytest.mark.parametrize(
    "alias",
    ["ab", "x" * 65, "a b", "a/b", "a#b", "a.b", "aéb", "🙂🙂🙂", "日本語", "a\x00b", "abc\n"],
)
def test_what_no_path_can_carry_is_no_alias(
    client: FlaskClient, bearer: Bearer, target: str, alias: str
) -> None:
    status, body = post(client, {"url": target, "alias": alias}, bearer)

    assert (status, body["code"]) == (400, "INVALID_ALIAS")


@pytest.mark.parametrize(
    "field",
    [
        {"alias": 5},
        {"title": ["x"]},
        {"tags": "x"},
        {"tags": [1]},
        {"max_visits": "5"},
        {"max_visits": 1.5},
        {"redirect_status": "301"},
        {"forward_query": "yes"},
        {"rules": {}},
        {"rules": [{"url": "https://e.com"}]},
        {"starts_at": 5},
    ],
    ids=str,
)
def test_a_field_of_another_type_is_no_json_for_us(
    client: FlaskClient, bearer: Bearer, target: str, field: dict[str, Any]
) -> None:
    status, body = post(client, {"url": target, **field}, bearer)

    assert (status, body["code"]) == (400, "INVALID_JSON")
    assert next(iter(field)) in body["details"]


class TestWithoutAnAccount:
    FIELDS = ({"alias": "anonymous"}, {"expires_at": "2999-01-01T00:00:00Z"}, {"max_visits": 5})

    @pytest.mark.parametrize("field", FIELDS, ids=str)
    def test_what_lowers_a_links_reach_may_be_given(
        self, client: FlaskClient, target: str, field: dict[str, Any]
    ) -> None:
        status, body = post(client, {"url": target, **field})

        assert status == 201
        assert body["link"].items() >= {k: v for k, v in field.items() if k != "alias"}.items()

    @pytest.mark.parametrize(
        "field",
        [
            {"title": "x"},
            {"tags": ["x"]},
            {"starts_at": "2020-01-01T00:00:00Z"},
            {"redirect_status": 301},
            {"forward_query": True},
            {"forward_query": False},
            {"rules": [{"if": {"device": "ios"}, "url": "https://e.com"}]},
        ],
        ids=str,
    )
    def test_the_rest_needs_one(
        self, client: FlaskClient, target: str, field: dict[str, Any]
    ) -> None:
        status, body = post(client, {"url": target, **field})

        assert (status, body["code"]) == (401, "MISSING_TOKEN")

    @pytest.mark.parametrize("field", FIELDS, ids=str)
    def test_a_setting_turns_it_off(
        self, make_client: MakeClient, target: str, field: dict[str, Any]
    ) -> None:
        client = make_client(ANONYMOUS_FIELDS="false")

        assert post(client, {"url": target, **field})[1]["code"] == "MISSING_TOKEN"
        assert post(client, {"url": target})[0] == 201
