"""A key with a tag limit: no link without the tag exists for it, whatever it asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.model.callers import Scope
from app.routes.openapi.operation import Operation
from app.routes.openapi.operations import operations
from tests.access.conftest import Person, ask
from tests.access.test_scopes import path_of
from tests.harness.servers import Database

TAG = "Ação"
SAME = "AÇÃO"  # the same tag in another case
OF_LINKS = [
    each
    for each in operations(302, permanent=False)
    if each.scope in list(Scope) and "{code}" in each.path
]


@dataclass(frozen=True)
class Limited:
    """A key that is limited to a tag, and two links of its owner: with the tag, and without."""

    client: FlaskClient
    secret: str
    owner: Person
    inside: str
    outside: str

    def ask(self, method: str, path: str, **more: Any) -> TestResponse:
        """Ask with the key."""
        return ask(self.client, self.secret, method, path, **more)


@pytest.fixture
def limited(person: Person, target: str) -> Limited:
    inside = person.link(url=f"{target}/in", tags=["x", SAME])
    outside = person.link(url=f"{target}/out", tags=["x", "Acao"])
    person.link(url=f"{target}/plain")
    return Limited(person.client, person.key(tag=TAG), person, inside, outside)


@pytest.mark.parametrize("operation", OF_LINKS, ids=lambda each: each.id)
def test_a_link_without_the_tag_is_not_there(limited: Limited, operation: Operation) -> None:
    path, method = path_of(operation, limited.outside), operation.method.upper()
    before = limited.owner.ask("GET", f"/api/links/{limited.outside}").get_json()

    answer = limited.ask(method, path, **({"json": {"title": "mine"}} if method == "PATCH" else {}))

    assert (answer.status_code, answer.get_json()["code"]) == (404, "URL_NOT_FOUND")
    assert limited.owner.ask("GET", f"/api/links/{limited.outside}").get_json() == before


@pytest.mark.parametrize("operation", OF_LINKS, ids=lambda each: each.id)
def test_a_link_with_the_tag_is(limited: Limited, operation: Operation) -> None:
    path, method = path_of(operation, limited.inside), operation.method.upper()

    answer = limited.ask(method, path, **({"json": {"title": "mine"}} if method == "PATCH" else {}))

    assert answer.status_code in {200, 204}


def test_a_list_holds_links_with_the_tag_alone(limited: Limited) -> None:
    listed = limited.ask("GET", "/api/user/urls").get_json()["urls"]

    assert [link["id"] for link in listed] == [limited.inside]


def test_a_deleted_link_is_listed_no_more_and_can_be_had_back(limited: Limited) -> None:
    path = f"/api/links/{limited.inside}"

    assert limited.ask("DELETE", path).status_code == 204
    assert limited.ask("GET", "/api/user/urls").get_json()["urls"] == []
    assert limited.ask("GET", path).get_json()["state"] == "deleted"
    assert limited.ask("POST", f"{path}/enable").status_code == 200


@pytest.mark.parametrize("tags", [None, [], ["y"], ["Acao"]])
def test_a_link_that_it_makes_has_the_tag(limited: Limited, target: str, tags: Any) -> None:
    made = limited.ask("POST", "/api/", json={"url": f"{target}/made", "tags": tags})

    assert made.status_code == 201
    link = limited.ask("GET", f"/api/links/{made.get_json()['short_code']}").get_json()
    assert link["tags"][:-1] == (tags or [])
    assert link["tags"][-1] == SAME  # as the tag is written already


def test_a_target_alone_finds_no_link_without_the_tag(limited: Limited, target: str) -> None:
    known = limited.owner.link(url=f"{target}/known")

    made = limited.ask("POST", "/api/", json={"url": f"{target}/known"})

    assert made.status_code == 201
    assert made.get_json()["short_code"] != known


def test_an_alias_of_a_link_without_the_tag_is_taken(limited: Limited, target: str) -> None:
    alias = f"outside-{limited.outside}".lower()
    limited.owner.link(url=f"{target}/alias", alias=alias)

    again = limited.ask("POST", "/api/", json={"url": f"{target}/alias", "alias": alias})

    assert (again.status_code, again.get_json()["code"]) == (409, "ALIAS_TAKEN")


def test_twenty_tags_leave_no_room(limited: Limited, target: str) -> None:
    tags = [f"t{number}" for number in range(20)]

    answer = limited.ask("POST", "/api/", json={"url": target, "tags": tags})

    assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_LINK")


@pytest.mark.parametrize("tags", [None, [], ["x"], ["Acao"], ["Açã"]])
def test_the_tag_cannot_be_taken_off(limited: Limited, tags: Any) -> None:
    path = f"/api/links/{limited.inside}"

    answer = limited.ask("PATCH", path, json={"tags": tags})

    assert (answer.status_code, answer.get_json()["code"]) == (403, "FORBIDDEN")
    assert limited.ask("GET", path).get_json()["tags"] == ["x", SAME]


@pytest.mark.parametrize("patch", [{"title": "t"}, {"tags": ["AÇÃO"]}, {"tags": ["z", "ação"]}])
def test_what_keeps_the_tag_is_changed(limited: Limited, patch: dict[str, Any]) -> None:
    answer = limited.ask("PATCH", f"/api/links/{limited.inside}", json=patch)

    assert answer.status_code == 200


def test_a_link_that_lost_the_tag_is_gone_for_it(limited: Limited) -> None:
    path = f"/api/links/{limited.inside}"
    limited.owner.ask("PATCH", path, json={"tags": ["x"]})

    assert limited.ask("GET", path).status_code == 404
    assert limited.ask("DELETE", path).status_code == 404
    assert limited.ask("GET", "/api/user/urls").get_json()["urls"] == []


@pytest.fixture
def counted(limited: Limited, module_database: Database) -> Callable[[str], int]:
    """Give each link visits of its own, and tell how many a request of the key sees."""
    with module_database.connect() as connection:
        for code, number in ((limited.inside, 3), (limited.outside, 40)):
            connection.execute(
                "INSERT INTO visit_slots (scope, slot, visits, bots, scans) SELECT scope,"
                " date_trunc('hour', now()), %s, 0, 0 FROM unnest(%s::text[]) AS scope"
                " ON CONFLICT (scope, slot) DO UPDATE"
                " SET visits = visit_slots.visits + excluded.visits",
                (number, [code, limited.owner.id]),
            )

    def visits(query: str) -> int:
        answer = limited.ask("GET", f"/api/statistics{query}")
        assert answer.status_code == 200, answer.text
        found: int = answer.get_json()["totals"]["visits"]
        return found

    return visits


@pytest.mark.parametrize(
    ("query", "expected"), [("", 3), ("?tag=x", 3), (f"?tag={SAME}", 3), ("?tag=acao", 0)]
)
def test_statistics_are_those_of_links_with_the_tag(
    counted: Callable[[str], int], limited: Limited, query: str, expected: int
) -> None:
    assert counted(query) == expected
    assert limited.owner.ask("GET", "/api/statistics").get_json()["totals"]["visits"] == 43


def test_a_table_of_statistics_is_too(counted: Callable[[str], int], limited: Limited) -> None:
    table = limited.ask("GET", "/api/statistics.csv").text

    assert "total,,3," in table


def test_a_tag_that_no_link_has_is_an_empty_world(person: Person, target: str) -> None:
    code = person.link(url=target, tags=["other"])
    key = person.key(tag="nobody-has-it")

    assert ask(person.client, key, "GET", "/api/user/urls").get_json()["urls"] == []
    assert ask(person.client, key, "GET", f"/api/links/{code}").status_code == 404
    totals = ask(person.client, key, "GET", "/api/statistics").get_json()["totals"]
    assert totals["visits"] == 0


def test_somebody_elses_tag_of_that_name_is_another(make_person: Any, target: str) -> None:
    ana, bob = make_person(), make_person()
    code = ana.link(url=target, tags=["shared"])
    key = bob.key(tag="shared")

    assert ask(bob.client, key, "GET", f"/api/links/{code}").status_code == 404
    assert ask(bob.client, key, "GET", "/api/user/urls").get_json()["urls"] == []


def listed(limited: Limited, **query: str) -> list[str]:
    """Return the codes of all pages of a list, each of one link."""
    codes: list[str] = []
    more: dict[str, str] = {}
    while True:
        answer = limited.ask("GET", "/api/links", query_string={**query, **more, "limit": "1"})
        assert answer.status_code == 200, answer.text
        codes += [link["code"] for link in answer.get_json()["links"]]
        cursor = answer.get_json()["cursor"]
        if cursor is None:
            return codes
        more = {"cursor": cursor}


@pytest.mark.parametrize("sort", ["created_at", "-visits", "last_visit_at", "code"])
@pytest.mark.parametrize(
    "query", [{}, {"tag": "x"}, {"tag": TAG}, {"search": "https://e.com"}, {"search": "x"}]
)
def test_pages_hold_links_with_the_tag_alone(
    limited: Limited, query: dict[str, str], sort: str
) -> None:
    assert listed(limited, sort=sort, **query) == [limited.inside]


@pytest.mark.parametrize("query", [{"tag": "Acao"}, {"search": "Acao"}, {"state": "scheduled"}])
def test_a_filter_does_not_widen_the_limit(limited: Limited, query: dict[str, str]) -> None:
    assert listed(limited, **query) == []


def test_deleted_links_are_listed_by_their_tag(limited: Limited) -> None:
    for code in (limited.inside, limited.outside):
        limited.owner.ask("DELETE", f"/api/links/{code}")

    assert listed(limited, state="deleted") == [limited.inside]
    assert listed(limited) == []


def test_somebody_elses_cursor_shows_no_more(limited: Limited, target: str) -> None:
    for number in range(3):
        limited.owner.link(url=f"{target}/more/{number}", tags=["y"])
    page = limited.owner.ask("GET", "/api/links", query_string={"limit": "1"}).get_json()

    answer = limited.ask("GET", "/api/links", query_string={"cursor": page["cursor"]})

    assert [link["code"] for link in answer.get_json()["links"]] == [limited.inside]


def test_it_is_told_of_its_tag_alone(limited: Limited) -> None:
    assert limited.ask("GET", "/api/tags").get_json()["tags"] == [{"name": SAME, "links": 1}]


@pytest.mark.parametrize("tag", [SAME, "x", "Acao", "nothing"])
def test_it_renames_no_tag(limited: Limited, tag: str) -> None:
    before = limited.owner.ask("GET", "/api/tags").get_json()

    answer = limited.ask("PATCH", f"/api/tags/{tag}", json={"name": "renamed"})

    assert (answer.status_code, answer.get_json()["code"]) == (403, "FORBIDDEN")
    assert limited.owner.ask("GET", "/api/tags").get_json() == before


def test_a_bulk_makes_links_with_the_tag(limited: Limited, target: str) -> None:
    known = limited.owner.link(url=f"{target}/bulk")
    links = [
        {"url": f"{target}/bulk"},
        {"url": f"{target}/bulk", "tags": ["y"]},
        {"url": f"{target}/bulk", "alias": limited.outside.lower() + "-alias", "tags": [TAG]},
    ]

    made = limited.ask("POST", "/api/links/bulk", json={"links": links}).get_json()["links"]

    assert [each["status"] for each in made] == [201] * 3
    assert known not in {each["short_code"] for each in made}
    assert [each["link"]["tags"] for each in made] == [[SAME], ["y", SAME], [SAME]]


def test_an_idempotency_key_tells_nobody_what_another_was_answered(
    limited: Limited, target: str
) -> None:
    body = {"url": f"{target}/once", "title": "t"}
    headers = {"Idempotency-Key": "the-same"}
    first = limited.owner.ask("POST", "/api/", json=body, headers=headers).get_json()

    second = limited.ask("POST", "/api/", json=body, headers=headers)
    again = limited.ask("POST", "/api/", json=body, headers=headers)

    assert second.status_code == 201
    assert second.get_json()["short_code"] != first["short_code"]
    assert again.get_json() == second.get_json()
