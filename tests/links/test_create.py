"""`POST /api/` with more than a target."""

import json
import re
import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.routes.schemas import CreateBody
from app.storage.managed_links import ManagedLinkTable
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


NOTHING: dict[str, list[Any]] = {"title": [None, "", " "], "tags": [None, []], "rules": [None, []]}
FALSY: tuple[object, ...] = ("", 0, 0.0, False, [], {})
FIELDS = [name for name in CreateBody.__struct_fields__ if name != "url"]


@pytest.mark.parametrize("field", FIELDS)
def test_what_a_change_takes_for_nothing_is_not_given(
    client: FlaskClient, bearer: Bearer, target: str, field: str
) -> None:
    _, plain = post(client, {"url": target}, bearer)

    for nothing in NOTHING.get(field, [None]):
        status, body = post(client, {"url": target, field: nothing}, bearer)

        assert (status, body["short_code"]) == (200, plain["short_code"]), nothing
        assert "link" not in body


@pytest.mark.parametrize("headers", [True, False], ids=["somebody", "nobody"])
@pytest.mark.parametrize("field", FIELDS)
def test_what_looks_like_nothing_is_judged_as_it_is_beside_others(
    client: FlaskClient, bearer: Bearer, target: str, field: str, *, headers: bool
) -> None:
    """An end that makes no sense must not become a link without one."""
    who = bearer if headers else None
    for value in FALSY:
        if value in NOTHING.get(field, []) or (field, value) == ("forward_query", False):
            continue
        beside = {"expires_at": "2999-01-01T00:00:00Z"} if field != "expires_at" else {}

        alone = post(client, {"url": target, field: value}, who)
        other = post(client, {"url": target, "max_visits": 5, **beside, field: value}, who)

        assert 400 <= alone[0] < 500, value
        assert alone == other, value


def test_a_query_is_not_forwarded_where_that_is_said(
    client: FlaskClient, bearer: Bearer, target: str
) -> None:
    status, body = post(client, {"url": target, "forward_query": False}, bearer)

    assert (status, body["link"]["forward_query"]) == (201, False)


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


SPELLINGS = [
    ("https://example.com/P?q#f", "HTTPS://Example.COM/P?q#f"),
    ("http://президент.рф/", "http://xn--d1abbgf6aiiy.xn--p1ai/"),
    ("https://example.com/p", "example.com/p"),
]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("spellings", SPELLINGS)
def test_another_spelling_of_scheme_and_host_is_the_same_target(
    client: FlaskClient, bearer: Bearer, create: Create, spellings: tuple[str, str], order: int
) -> None:
    first, second = spellings[::order]
    link = create(url=first, alias=f"spelled-{uuid.uuid4()}")

    status, body = post(client, {"url": second, "alias": link["code"]}, bearer)

    assert (status, body["link"]) == (200, link)


@pytest.mark.parametrize("other", ["https://example.com/p", "https://example.com:443/P"])
def test_another_spelling_of_the_rest_is_another_target(
    client: FlaskClient, bearer: Bearer, create: Create, other: str
) -> None:
    link = create(url="https://example.com/P", alias=f"spelled-{uuid.uuid4()}")

    status, body = post(client, {"url": other, "alias": link["code"]}, bearer)

    assert (status, body["code"]) == (409, "ALIAS_TAKEN")


def test_nobodys_alias_is_given_to_no_stranger(client: FlaskClient, target: str) -> None:
    body = {"url": target, "alias": f"nobodys-{uuid.uuid4()}"}

    first, second = post(client, {**body, "max_visits": 3}), post(client, body)

    assert first[0] == 201
    assert second == (409, {"error": "Alias already taken", "code": "ALIAS_TAKEN"})


def test_nobodys_alias_is_given_again_to_the_same_request(client: FlaskClient, target: str) -> None:
    body = {"url": target, "alias": f"repeated-{uuid.uuid4()}"}
    headers = {"Idempotency-Key": str(uuid.uuid4())}

    first, again = post(client, body, headers), post(client, body, headers)

    assert first[0] == 201
    assert again == first


def test_an_alias_whose_making_was_done_and_not_heard_of_is_the_requests_own(
    client: FlaskClient, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = ManagedLinkTable.insert

    def twice(*given: Any) -> bool:
        insert(*given)
        return insert(*given)

    monkeypatch.setattr(ManagedLinkTable, "insert", twice)
    body = {"url": target, "alias": f"lost-{uuid.uuid4()}"}

    status, answer = post(client, body, {"Idempotency-Key": str(uuid.uuid4())})

    assert (status, answer["link"]["code"]) == (201, body["alias"])


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


WIDER: list[tuple[dict[str, Any], str]] = [
    ({"if": {"device": "ios", "contry": "BR"}, "url": "https://e.com"}, "contry"),
    ({"if": {"device": "ios", "Country": "BR"}, "url": "https://e.com"}, "Country"),
    ({"if": {"device": "ios"}, "url": "https://e.com", "unless": {}}, "unless"),
    ({"if": {"query": {"name": "a", "value": "b", "vlaue": "c"}}, "url": "https://e.com"}, "vlaue"),
]


@pytest.mark.parametrize(("rule", "unknown"), WIDER, ids=lambda value: str(value)[:50])
def test_a_condition_that_is_none_makes_no_rule_wider(
    client: FlaskClient, bearer: Bearer, create: Create, rule: dict[str, Any], unknown: str
) -> None:
    link = create()
    body = {"url": link["url"], "rules": [rule]}
    bulk = {"links": [body, {"url": link["url"]}]}

    made = client.post("/api/", json=body, headers=bearer)
    changed = client.patch(f"/api/links/{link['code']}", json={"rules": [rule]}, headers=bearer)
    many = client.post("/api/links/bulk", json=bulk, headers=bearer).get_json()["links"]

    for answer in (made, changed):
        assert answer.status_code == 400
    assert [one["status"] for one in many] == [400, 201]
    for told in (made.get_json(), changed.get_json(), many[0]):
        assert told["code"] == "INVALID_LINK"
        assert f"`{unknown}`" in told["details"]
        assert "rules[0]" in told["details"]
    shown = client.get(f"/api/links/{link['code']}", headers=bearer).get_json()
    assert shown["rules"] == []


@pytest.mark.parametrize("name", ["expires_at", "starts_at"])
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59.999999-00:00", "9999-12-31T23:59:59.999999Z"),
        ("2099-12-31T15:59:60-08:00", "2100-01-01T00:00:00Z"),
    ],
)
def test_the_last_moments_are_kept_shown_and_given_back(  # noqa: PLR0917
    client: FlaskClient,
    bearer: Bearer,
    create: Create,
    follow: Follow,
    name: str,
    given: str,
    kept: str,
) -> None:
    link = create(**{name: given})
    path = f"/api/links/{link['code']}"

    followed = [follow(link["code"]) for _ in range(2)]
    shown = client.get(path, headers=bearer).get_json()
    again = client.patch(path, json=shown, headers=bearer)
    listed = client.get("/api/links", headers=bearer).get_json()["links"]
    page = client.get(f"/{link['code']}", headers={"Accept": "text/html"})

    assert link[name] == shown[name] == kept
    assert (again.status_code, again.get_json()) == (200, shown)
    assert listed[0][name] == kept
    status = 302 if name == "expires_at" else 404
    assert [answer.status_code for answer in [*followed, page]] == [status] * 3
    assert name == "expires_at" or int(followed[0].headers["Retry-After"]) > 10**9


class TestALinkWithAllThatRulesMayHave:
    """20 rules, whose targets have 8,192 characters, each escaped."""

    @pytest.fixture
    def body(self, target: str) -> bytes:
        """Return it as JSON that escapes whatever it can."""
        url = target.ljust(8_192, "x")
        query = {"name": "🙂" * 256, "value": "🙂" * 256}
        link = {
            "url": url,
            "title": "🙂" * 256,
            "tags": [f"{number:02}".ljust(64, "🙂") for number in range(20)],
            "rules": [{"if": {"query": query}, "url": url}] * 20,
        }
        escaped = "".join(f"\\u{ord(character):04x}" for character in url)
        return json.dumps(link).replace(url, escaped).encode()

    def test_can_be_made_and_changed_in_every_way(
        self, client: FlaskClient, bearer: Bearer, body: bytes
    ) -> None:
        headers = {**bearer, "Content-Type": "application/json"}

        made = client.post("/api/", data=body, headers=headers)
        code = made.get_json()["short_code"]
        changed = client.patch(f"/api/links/{code}", data=body, headers=headers)
        many = client.post("/api/links/bulk", data=b'{"links":[%s]}' % body, headers=headers)

        assert len(body) > 1 << 20
        assert (made.status_code, changed.status_code) == (201, 200)
        assert len(changed.get_json()["rules"]) == 20
        assert [one["status"] for one in many.get_json()["links"]] == [201]

    def test_is_too_much_of_a_stranger(self, client: FlaskClient, body: bytes) -> None:
        answer = client.post("/api/", data=body, content_type="application/json")

        assert answer.status_code == 413
        assert "at most 131072 bytes" in answer.get_json()["error"]

    @pytest.mark.parametrize(("method", "path"), [("POST", "/api/"), ("PATCH", "/api/links/none")])
    def test_more_is_told_how_much_is_allowed(
        self, client: FlaskClient, bearer: Bearer, method: str, path: str
    ) -> None:
        answer = client.open(path, method=method, json={"url": "x" * (2 << 20)}, headers=bearer)

        assert answer.status_code == 413
        assert "at most 2097152 bytes" in answer.get_json()["error"]


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
