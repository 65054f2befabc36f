"""`GET /api/links` and `/api/tags`."""

import itertools
import threading
import uuid
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from app.storage import link_lists, tags
from tests.harness.servers import Database
from tests.links.conftest import Create, Follow

Bearer = dict[str, str]
ODD_TAGS = [
    "a/b", "a//b", "a///b", "/lead", "//lead", "trail/", "trail//", "/", "//", "/a//b/", "100%",
    "%2F", "%2f%2F", "a%2F/b", "?", "a?b=c", "#", "a#b", "a b", "a + b", ".", "..", "v1.0",
    "../x", "a/./b", ";", "http://e.com//x", "日本//語", "é", "&", "\\",
]  # fmt: skip
SORTS = ["created_at", "visits", "last_visit_at", "code"]


def page(client: FlaskClient, bearer: Bearer, **query: Any) -> dict[str, Any]:
    answer = client.get("/api/links", query_string=query, headers=bearer)
    assert answer.status_code == 200, answer.data
    found: dict[str, Any] = answer.get_json()
    return found


def pages(client: FlaskClient, bearer: Bearer, **query: Any) -> Iterator[dict[str, Any]]:
    """Yield every page to the end."""
    cursor: dict[str, str] = {}
    for _ in range(200):
        found = page(client, bearer, **query, **cursor)
        yield found
        if found["cursor"] is None:
            return
        cursor = {"cursor": found["cursor"]}
    pytest.fail("the list has no end")


def codes(client: FlaskClient, bearer: Bearer, **query: Any) -> list[str]:
    found = pages(client, bearer, **query)
    return [link["code"] for link in itertools.chain.from_iterable(p["links"] for p in found)]


def at_once(
    client: FlaskClient, bearer: Bearer, calls: Sequence[tuple[str, str, object]]
) -> dict[str, int]:
    """Make calls at the same time; return the status of each by its method."""
    start = threading.Barrier(len(calls))
    statuses: dict[str, int] = {}

    def call(method: str, path: str, body: object) -> None:
        with client.application.test_client() as own:
            start.wait(10)
            answer = own.open(path, method=method, json=body, headers=bearer)
            statuses[method] = answer.status_code

    threads = [threading.Thread(target=call, args=each) for each in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@pytest.fixture
def many(create: Create, module_database: Database) -> list[dict[str, Any]]:
    """Make thirty links, some counted, some never, two whose making was never noted."""
    ours = uuid.uuid4()
    links = [create(alias=f"many-{number:02}-{ours}") for number in range(30)]
    with module_database.connect() as connection:
        for number, link in enumerate(links):
            if number % 3:
                connection.execute(
                    "INSERT INTO link_counts (code, user_id, visits, last_visit_at)"
                    " SELECT id, user_id, %s, CASE WHEN %s THEN now() - %s * interval '1 day' END"
                    " FROM urls WHERE id = %s",
                    (number % 5, number % 2 == 0, number % 7, link["code"]),
                )
        connection.execute(
            "UPDATE urls SET created_at = NULL WHERE id = ANY (%s)",
            ([links[3]["code"], links[4]["code"]],),
        )
    return links


@pytest.mark.parametrize("sort", [sign + name for name in SORTS for sign in ("", "-")])
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_every_link_is_listed_once_in_the_order_asked_for(
    client: FlaskClient, bearer: Bearer, many: list[dict[str, Any]], sort: str, limit: int
) -> None:
    found = [
        link for each in pages(client, bearer, sort=sort, limit=limit) for link in each["links"]
    ]

    name = sort.removeprefix("-")
    keys = [(link[name] or "" if name != "visits" else link[name], link["code"]) for link in found]
    if name == "visits":
        keys = [(visits, "") for visits, _ in keys]
    assert sorted(link["code"] for link in found) == sorted(link["code"] for link in many)
    assert keys == sorted(keys, reverse=sort.startswith("-"))


def test_the_newest_come_first_by_themselves_and_are_whole(
    client: FlaskClient, bearer: Bearer, create: Create
) -> None:
    old, new = create(), create(tags=["x"])

    assert page(client, bearer)["links"] == [new, old]


def test_a_page_is_of_the_limit(
    client: FlaskClient, bearer: Bearer, many: list[dict[str, Any]]
) -> None:
    sizes = [len(each["links"]) for each in pages(client, bearer, limit=7)]

    assert sizes == [7, 7, 7, 7, 2]
    assert len(page(client, bearer)["links"]) == 20


def test_somebody_elses_links_are_not_listed(
    client: FlaskClient, create: Create, bearer: Bearer
) -> None:
    create()
    body = {"email": "reader@example.org", "password": "secret1"}
    token = client.post("/api/signup", json=body).get_json()["token"]

    other = {"Authorization": f"Bearer {token}"}
    assert page(client, other) == {"links": [], "cursor": None}
    assert client.get("/api/links").status_code == 401


class TestFilters:
    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("summer", {"title", "target", "tag", "alias"}),
            ("SUMMER", {"title", "target", "tag", "alias"}),
            ("sale 50%", {"title"}),
            ("50_", set()),
            ("shop.example/su", {"target"}),
            ("  summer  ", {"title", "target", "tag", "alias"}),
            ("no such thing", set()),
            ("%", {"title"}),
            ("\\", set()),
            ("", {"title", "target", "tag", "alias", "none"}),
        ],
    )
    def test_search_looks_at_code_title_target_and_tags(
        self, client: FlaskClient, bearer: Bearer, create: Create, search: str, found: set[str]
    ) -> None:
        links = {
            "title": create(title="Summer sale 50%"),
            "target": create(url="https://shop.example/summer"),
            "tag": create(tags=["Summer"]),
            "alias": create(alias=f"summer-{uuid.uuid4()}"),
            "none": create(url="https://other.example/"),
        }

        listed = set(codes(client, bearer, search=search))

        assert listed == {links[name]["code"] for name in found}

    def test_a_tag_in_any_case(self, client: FlaskClient, bearer: Bearer, create: Create) -> None:
        one, _ = create(tags=["News", "x"]), create(tags=["x"])

        assert codes(client, bearer, tag="nEWS") == [one["code"]]
        assert codes(client, bearer, tag="unknown") == []

    def test_a_state(
        self, client: FlaskClient, bearer: Bearer, create: Create, follow: Follow
    ) -> None:
        links = {
            "active": create(),
            "scheduled": create(starts_at="2999-01-01T00:00:00Z"),
            "expired": create(expires_at="2020-01-01T00:00:00Z"),
            "exhausted": create(max_visits=1),
            "disabled": create(),
            "deleted": create(),
        }
        follow(links["exhausted"]["code"])
        client.post(f"/api/links/{links['disabled']['code']}/disable", headers=bearer)
        client.delete(f"/api/links/{links['deleted']['code']}", headers=bearer)

        by_state = {state: codes(client, bearer, state=state) for state in links}

        assert by_state == {state: [link["code"]] for state, link in links.items()}
        assert set(codes(client, bearer)) == {
            link["code"] for state, link in links.items() if state != "deleted"
        }

    @pytest.mark.parametrize("sort", [sign + name for name in SORTS for sign in ("", "-")])
    @pytest.mark.parametrize(("walk", "gathered"), [(1, 0), (3, 0), (1000, 0), (1, 1000)])
    def test_whichever_way_they_are_read_the_same_links_are_found(  # noqa: PLR0917
        self,
        client: FlaskClient,
        bearer: Bearer,
        many: list[dict[str, Any]],
        monkeypatch: pytest.MonkeyPatch,
        sort: str,
        walk: int,
        gathered: int,
    ) -> None:
        monkeypatch.setattr(link_lists, "FIRST_WALK", walk)
        monkeypatch.setattr(link_lists, "LONGEST_WALK", walk)
        monkeypatch.setattr(link_lists, "MOST_GATHERED", gathered)
        for link in many[::4]:
            client.patch(f"/api/links/{link['code']}", json={"tags": ["t"]}, headers=bearer)

        tagged = codes(client, bearer, tag="t", sort=sort, limit=3)
        searched = codes(client, bearer, search="many-0", sort=sort, limit=3)
        for link in many[::8]:
            client.post(f"/api/links/{link['code']}/disable", headers=bearer)
        both = codes(client, bearer, tag="t", state="disabled", sort=sort, limit=3)

        assert sorted(both) == sorted(link["code"] for link in many[::8])
        assert sorted(tagged) == sorted(link["code"] for link in many[::4])
        assert sorted(searched) == sorted(link["code"] for link in many[:10])


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "101"}, {"limit": "-1"}, {"limit": "x"}, {"limit": ""},
        {"limit": "٣"}, {"limit": "1.5"}, {"sort": "title"}, {"sort": "--code"}, {"sort": ""},
        {"state": "gone"}, {"cursor": ""}, {"cursor": "x"}, {"cursor": "e30"}, {"cursor": "W10"},
        {"cursor": "é"}, {"cursor": "A" * 5000}, {"search": "\x00"}, {"search": "x" * 257},
        {"tag": "\x00"},
    ],
    ids=lambda query: str(query)[:40],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    client: FlaskClient, bearer: Bearer, query: dict[str, str]
) -> None:
    answer = client.get("/api/links", query_string=query, headers=bearer)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_QUERY")


def test_a_cursor_is_of_one_list(
    client: FlaskClient, bearer: Bearer, many: list[dict[str, Any]]
) -> None:
    cursor = page(client, bearer, limit=5)["cursor"]

    assert page(client, bearer, limit=10, cursor=cursor)["links"]
    for other in ({"sort": "code"}, {"state": "active"}, {"search": "x"}, {"tag": "x"}):
        query = {**other, "cursor": cursor}
        answer = client.get("/api/links", query_string=query, headers=bearer)
        assert answer.get_json()["code"] == "INVALID_QUERY"


def test_nothing_is_listed_twice_or_skipped_while_links_are_made_and_deleted(
    client: FlaskClient, bearer: Bearer, many: list[dict[str, Any]], create: Create
) -> None:
    stop = threading.Event()
    doomed = [create() for _ in range(10)]

    def disturb() -> None:
        with client.application.test_client() as other:
            for number, link in enumerate(doomed):
                if stop.is_set():
                    return
                body = {"url": f"https://e.com/{number}", "title": "new"}
                other.post("/api/", json=body, headers=bearer)
                other.delete(f"/api/links/{link['code']}", headers=bearer)

    thread = threading.Thread(target=disturb)
    thread.start()
    listed = codes(client, bearer, limit=3)
    stop.set()
    thread.join()

    assert len(listed) == len(set(listed))
    assert set(listed) >= {link["code"] for link in many}


def test_a_page_is_bounded_by_its_bytes(
    client: FlaskClient, bearer: Bearer, create: Create
) -> None:
    rules = [
        {"if": {"query": {"name": "a", "value": str(number)}}, "url": "https://e.com/" + "x" * 8000}
        for number in range(15)
    ]
    made = [create(rules=rules)["code"] for _ in range(20)]

    found = list(pages(client, bearer, limit=100))

    assert [link["code"] for each in found for link in each["links"]] == made[::-1]
    assert len(found) > 1
    assert all(len(str(each)) < 3 << 20 for each in found)


class TestTags:
    def test_they_are_told_with_the_number_of_links(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        gone = create(tags=["b", "old"])
        create(tags=["B", "a"])
        client.delete(f"/api/links/{gone['code']}", headers=bearer)

        found = client.get("/api/tags", headers=bearer).get_json()["tags"]

        assert found == [{"name": "a", "links": 1}, {"name": "b", "links": 1}]

    def test_a_rename_is_for_all_links(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        link = create(tags=["x", "olD"])

        answer = client.patch("/api/tags/OLD", json={"name": " New/er "}, headers=bearer)

        assert answer.get_json() == {"name": "New/er", "links": 1}
        shown = client.get(f"/api/links/{link['code']}", headers=bearer).get_json()
        assert shown["tags"] == ["x", "New/er"]
        again = client.patch("/api/tags/new/ER", json={"name": "newer"}, headers=bearer)
        assert again.get_json() == {"name": "newer", "links": 1}

    @pytest.mark.parametrize("tag", ODD_TAGS)
    def test_a_tag_is_renamed_whatever_is_in_its_name(
        self, client: FlaskClient, bearer: Bearer, create: Create, tag: str
    ) -> None:
        link, others = create(tags=[tag]), create(tags=[o for o in ODD_TAGS if o != tag][:20])

        path = f"/api/tags/{quote(tag, safe='')}"
        answer = client.patch(path, json={"name": "renamed"}, headers=bearer)

        assert (answer.status_code, answer.get_json()) == (200, {"name": "renamed", "links": 1})
        assert self.tags(client, bearer, link) == ["renamed"]
        assert self.tags(client, bearer, others) == others["tags"]

    @pytest.mark.parametrize("path", ["/api//tags///a//b", "//api/tags/a/b", "/api/tags//a/b"])
    def test_slashes_that_were_not_encoded_are_merged(
        self, client: FlaskClient, bearer: Bearer, create: Create, path: str
    ) -> None:
        create(tags=["a/b", "a//b", "/a/b"])

        # The client itself takes `//name` for a host.
        sent = {"PATH_INFO": path, "RAW_URI": path}
        answer = client.patch("/", json={"name": "x"}, headers=bearer, environ_overrides=sent)

        assert answer.get_json() == {"name": "x", "links": 1}
        tags = client.get("/api/tags", headers=bearer).get_json()["tags"]
        assert {tag["name"] for tag in tags} == {"a//b", "/a/b", "x"}

    def test_only_the_case_may_change(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        create(tags=["news"])

        answer = client.patch("/api/tags/news", json={"name": "NEWS"}, headers=bearer)

        assert answer.get_json() == {"name": "NEWS", "links": 1}

    def test_a_name_that_another_tag_has_is_a_conflict(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        link = create(tags=["a", "b"])

        answer = client.patch("/api/tags/a", json={"name": "B"}, headers=bearer)

        assert (answer.status_code, answer.get_json()["code"]) == (409, "TAG_EXISTS")
        client.patch(f"/api/links/{link['code']}", json={"tags": ["a"]}, headers=bearer)
        assert client.patch("/api/tags/a", json={"name": "B"}, headers=bearer).status_code == 200

    def test_a_name_that_deleted_links_have_is_merged_and_they_lose_no_tag(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        gone = [
            create(tags=["old", "keep"]), create(tags=["a", "NEW", "old"]),
            create(tags=["old", "b", "new"]), create(tags=["new", "keep"]),
        ]  # fmt: skip
        other, _ = create(tags=["old"]), create(tags=["new"])
        client.patch(f"/api/links/{other['code']}", json={"tags": ["keep"]}, headers=bearer)
        for link in gone:
            client.delete(f"/api/links/{link['code']}", headers=bearer)

        renamed = client.patch("/api/tags/new", json={"name": "Old"}, headers=bearer)

        assert (renamed.status_code, renamed.get_json()) == (200, {"name": "Old", "links": 1})
        merged = [["Old", "keep"], ["a", "Old"], ["Old", "b"], ["Old", "keep"]]
        assert [self.tags(client, bearer, link) for link in gone] == merged
        for link in gone:
            client.post(f"/api/links/{link['code']}/enable", headers=bearer)
        assert [self.tags(client, bearer, link) for link in gone] == merged
        counts = client.get("/api/tags", headers=bearer).get_json()["tags"]
        assert {tag["name"]: tag["links"] for tag in counts} == {
            "a": 1,
            "b": 1,
            "keep": 3,
            "Old": 5,
        }
        assert len(codes(client, bearer, tag="old")) == 5

    def test_a_merge_of_many_goes_in_turns_and_leaves_others_alone(
        self,
        client: FlaskClient,
        bearer: Bearer,
        create: Create,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(tags, "AT_ONCE", 2)
        gone = [create(tags=["old", f"t{number}"]) for number in range(5)]
        apart, _ = create(tags=["x"]), create(tags=["new"])
        for link in [*gone, apart]:
            client.delete(f"/api/links/{link['code']}", headers=bearer)
        path = f"/api/links/{apart['code']}"
        before = client.get(path, headers=bearer)

        renamed = client.patch("/api/tags/new", json={"name": "old"}, headers=bearer)

        assert renamed.get_json() == {"name": "old", "links": 1}
        found = [self.tags(client, bearer, link) for link in gone]
        assert found == [["old", f"t{number}"] for number in range(5)]
        after = client.get(path, headers=bearer)
        assert (after.get_json(), after.headers["ETag"]) == (
            before.get_json(),
            before.headers["ETag"],
        )

    def test_a_rename_of_what_is_not_there_drops_no_tag_of_deleted_links(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        gone = create(tags=["old"])
        client.delete(f"/api/links/{gone['code']}", headers=bearer)

        answer = client.patch("/api/tags/unknown", json={"name": "old"}, headers=bearer)

        assert answer.status_code == 404
        assert self.tags(client, bearer, gone) == ["old"]

    def test_links_that_are_enabled_while_a_tag_gets_the_name_of_theirs_lose_none(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        for turn in range(8):
            gone, _ = create(tags=[f"old{turn}", "keep"]), create(tags=[f"new{turn}"])
            path = f"/api/links/{gone['code']}"
            client.delete(path, headers=bearer)
            calls = [
                ("POST", f"{path}/enable", None),
                ("PATCH", f"/api/tags/new{turn}", {"name": f"old{turn}"}),
            ]

            statuses = at_once(client, bearer, calls)

            # Either it was enabled first, and the name is taken, or the tags are one.
            renamed = statuses["PATCH"] == 200
            assert (statuses["POST"], statuses["PATCH"]) in {(200, 200), (200, 409)}
            assert self.tags(client, bearer, gone) == [f"old{turn}", "keep"]
            counts = client.get("/api/tags", headers=bearer).get_json()["tags"]
            named = {tag["name"]: tag["links"] for tag in counts}
            assert named[f"old{turn}"] == (2 if renamed else 1)

    def tags(self, client: FlaskClient, bearer: Bearer, link: dict[str, Any]) -> list[str]:
        shown = client.get(f"/api/links/{link['code']}", headers=bearer).get_json()
        return list(shown["tags"])

    @pytest.mark.parametrize("tag", ["unknown", "x" * 65, "%00", "%F0%9F%99%82"])
    def test_one_that_is_not_there_is_not_found(
        self, client: FlaskClient, bearer: Bearer, tag: str
    ) -> None:
        answer = client.patch(f"/api/tags/{tag}", json={"name": "new"}, headers=bearer)

        assert (answer.status_code, answer.get_json()["code"]) == (404, "TAG_NOT_FOUND")

    @pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\x00"])
    def test_a_new_name_that_is_none_is_refused(
        self, client: FlaskClient, bearer: Bearer, create: Create, name: str
    ) -> None:
        create(tags=["a"])

        answer = client.patch("/api/tags/a", json={"name": name}, headers=bearer)

        assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_LINK")

    def test_many_links_that_get_one_new_tag_at_once(
        self, client: FlaskClient, bearer: Bearer, target: str
    ) -> None:
        def make(number: int) -> None:
            tags = ["parallel", "tags"][:: 1 if number % 2 else -1]
            body = {"url": f"{target}/{number}", "tags": tags}
            with client.application.test_client() as own:
                statuses.append(own.post("/api/", json=body, headers=bearer).status_code)

        statuses: list[int] = []
        threads = [threading.Thread(target=make, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        found = client.get("/api/tags", headers=bearer).get_json()["tags"]
        made = statuses.count(201)
        assert set(statuses) <= {201, 503}
        assert found == [{"name": name, "links": made} for name in ("parallel", "tags")]
