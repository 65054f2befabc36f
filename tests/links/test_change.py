"""`/api/links/<code>`: see, change, disable, enable and delete."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.storage.managed_links import ManagedLinkTable
from tests.harness.servers import Database
from tests.harness.sinks import eventually
from tests.links.conftest import Create, Follow

Bearer = dict[str, str]
SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
PAST = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


def patch(
    client: FlaskClient, bearer: Bearer, link: dict[str, Any], body: Any, **headers: str
) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.patch(f"/api/links/{link['code']}", json=body, headers={**bearer, **named})


def changed(client: FlaskClient, bearer: Bearer, link: dict[str, Any], body: Any) -> Any:
    answer = patch(client, bearer, link, body)
    assert answer.status_code == 200, answer.data
    return answer.get_json()


@pytest.fixture
def stranger(client: FlaskClient) -> Bearer:
    """Sign somebody else up."""
    body = {"email": "stranger@example.org", "password": "secret1"}
    answer = client.post("/api/signup", json=body)
    if answer.status_code == 409:
        answer = client.post("/api/login", json=body)
    return {"Authorization": f"Bearer {answer.get_json()['token']}"}


def test_a_link_is_shown_as_it_was_made(
    client: FlaskClient, bearer: Bearer, create: Create
) -> None:
    link = create(alias="shown", tags=["b", "a"])

    answer = client.get("/api/links/shown", headers=bearer)

    assert answer.get_json() == link
    assert client.get("/api/links/SHOWN", headers=bearer).get_json() == link


def test_a_plain_link_can_be_managed_too(
    client: FlaskClient, bearer: Bearer, target: str, follow: Follow
) -> None:
    code = client.post("/api/", json={"url": target}, headers=bearer).get_json()["short_code"]

    link = client.get(f"/api/links/{code}", headers=bearer).get_json()
    titled = changed(client, bearer, link, {"title": "Now with a title"})
    again = client.post("/api/", json={"url": target}, headers=bearer)
    changed(client, bearer, link, {"forward_query": True})
    own = client.post("/api/", json={"url": target}, headers=bearer)

    assert (link["url"], link["title"], titled["title"]) == (target, None, "Now with a title")
    # A title alone leaves it to be found by its target; how it redirects does not.
    assert (again.status_code, again.get_json()["short_code"]) == (200, code)
    assert own.status_code == 201
    assert follow(code + "?a=1").headers["Location"] == f"{target}?a=1"


@pytest.mark.parametrize("method", ["get", "patch", "delete", "enable", "disable"])
def test_somebody_elses_link_is_not_found(
    client: FlaskClient, stranger: Bearer, create: Create, method: str
) -> None:
    path = f"/api/links/{create()['code']}"
    methods: dict[str, Callable[[], TestResponse]] = {
        "get": lambda: client.get(path, headers=stranger),
        "patch": lambda: client.patch(path, json={}, headers=stranger),
        "delete": lambda: client.delete(path, headers=stranger),
        "enable": lambda: client.post(f"{path}/enable", headers=stranger),
        "disable": lambda: client.post(f"{path}/disable", headers=stranger),
    }
    ask = methods[method]

    assert (ask().status_code, ask().get_json()["code"]) == (404, "URL_NOT_FOUND")
    assert client.get(path).status_code == 401


# RFC 7396, section 3 and appendix A, as far as they apply to the fields of a link.
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {}),
        ({"title": "new"}, {"title": "new"}),
        ({"title": None}, {"title": None}),
        ({"tags": ["x"]}, {"tags": ["x"]}),
        ({"tags": None}, {"tags": []}),
        ({"tags": []}, {"tags": []}),
        ({"max_visits": 7, "title": None}, {"max_visits": 7, "title": None}),
        ({"rules": None}, {"rules": []}),
        (
            {"rules": [{"if": {"device": "ios", "country": None}, "url": "e.com/r"}]},
            {"rules": [{"if": {"device": "ios"}, "url": "https://e.com/r"}]},
        ),
        ({"expires_at": None}, {"expires_at": None}),
        ({"expires_at": "2999-01-01T00:00:00-03:00"}, {"expires_at": "2999-01-01T03:00:00Z"}),
        ({"redirect_status": 308, "forward_query": False}, {"redirect_status": 308}),
        ({"visits": 12, "created_at": None, "short_url": "x"}, {}),
    ],
    ids=str,
)
def test_a_merge_patch(
    client: FlaskClient, bearer: Bearer, create: Create, body: Any, expected: dict[str, Any]
) -> None:
    link = create(
        tags=["a", "b"],
        expires_at="2998-01-01T00:00:00Z",
        rules=[{"if": {"language": "pt"}, "url": "https://e.com/pt"}],
    )

    found = changed(client, bearer, link, body)

    volatile = {"changed_at", "forward_query"}
    wanted = {**link, **expected}
    assert {k: v for k, v in found.items() if k not in volatile} == {
        k: v for k, v in wanted.items() if k not in volatile
    }
    assert client.get(f"/api/links/{link['code']}", headers=bearer).get_json() == found


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "INVALID_JSON"),
        ("x", "INVALID_JSON"),
        (None, "INVALID_JSON"),
        ({"url": None}, "INVALID_LINK"),
        ({"url": "javascript:alert(1)"}, "INVALID_URL"),
        ({"code": "another"}, "INVALID_LINK"),
        ({"state": "deleted"}, "INVALID_LINK"),
        ({"titel": "typed wrongly"}, "INVALID_LINK"),
        ({"title": 5}, "INVALID_LINK"),
        ({"tags": "x"}, "INVALID_LINK"),
        ({"starts_at": "3000-01-01T00:00:00Z"}, "INVALID_LINK"),
        ({"rules": [{"if": {"device": "ios"}, "url": "data:x"}]}, "INVALID_URL"),
    ],
    ids=str,
)
def test_a_patch_that_makes_no_sense_changes_nothing(
    client: FlaskClient, bearer: Bearer, create: Create, body: Any, code: str
) -> None:
    link = create(expires_at="2999-01-01T00:00:00Z")

    answer = patch(client, bearer, link, body)

    assert (answer.status_code, answer.get_json()["code"]) == (400, code)
    assert client.get(f"/api/links/{link['code']}", headers=bearer).get_json() == link


def test_a_whole_link_that_is_sent_back_changes_nothing(
    client: FlaskClient, bearer: Bearer, create: Create
) -> None:
    link = create(tags=["a"], rules=[{"if": {"country": "BR"}, "url": "https://e.com/br"}])

    assert changed(client, bearer, link, link) == link


def test_the_media_type_of_merge_patches_is_taken(
    client: FlaskClient, bearer: Bearer, create: Create
) -> None:
    path = f"/api/links/{create()['code']}"

    def send(kind: str) -> int:
        headers = {**bearer, "Content-Type": kind}
        return client.patch(path, data=b'{"title":"x"}', headers=headers).status_code

    assert send("application/merge-patch+json") == 200
    assert send("application/json") == 200
    assert send("application/xml") == 415


class TestIfMatch:
    def test_a_link_that_has_changed_is_not_changed_again(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        link = create()
        tag = client.get(f"/api/links/{link['code']}", headers=bearer).headers["ETag"]

        first = patch(client, bearer, link, {"title": "first"}, If_Match=tag)
        second = patch(client, bearer, link, {"title": "second"}, If_Match=tag)

        assert (first.status_code, second.status_code) == (200, 412)
        assert second.get_json()["code"] == "PRECONDITION_FAILED"
        assert first.headers["ETag"] not in {tag, None}
        assert not tag.startswith("W/")

    @pytest.mark.parametrize(
        ("header", "status"),
        [
            ("*", 200),
            ('"0"', 200),
            ('"9", "0"', 200),
            ('W/"0"', 412),
            ('"nonsense"', 412),
            ("nonsense", 412),
            ("", 412),
            ('"99999999999999999999999"', 412),
        ],
    )
    def test_what_it_may_hold(
        self, client: FlaskClient, bearer: Bearer, create: Create, header: str, status: int
    ) -> None:
        answer = patch(client, bearer, create(), {"title": "x"}, If_Match=header)

        assert answer.status_code == status

    @pytest.mark.parametrize("new", ["new", "OLD"])
    def test_a_link_whose_tag_was_renamed_is_another(
        self, client: FlaskClient, bearer: Bearer, create: Create, new: str
    ) -> None:
        link = create(tags=["x", "old"])
        path = f"/api/links/{link['code']}"
        tag = client.get(path, headers=bearer).headers["ETag"]
        seen = {**bearer, "If-Match": tag}

        client.patch("/api/tags/old", json={"name": new}, headers=bearer)

        answers = [
            client.patch(path, json={"tags": link["tags"]}, headers=seen),
            client.post(f"{path}/disable", headers=seen),
            client.post(f"{path}/enable", headers=seen),
            client.delete(path, headers=seen),
        ]
        assert [answer.status_code for answer in answers] == [412] * 4
        now = client.get(path, headers=bearer)
        assert now.get_json() == {**link, "tags": ["x", new]}
        assert now.headers["ETag"] != tag
        seen = {**bearer, "If-Match": now.headers["ETag"]}
        assert client.post(f"{path}/disable", headers=seen).status_code == 200

    def test_of_a_link_without_tags_it_is_the_number_of_its_change(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        untagged, tagged = create(), create(tags=["x"])

        tags = [
            client.get(f"/api/links/{link['code']}", headers=bearer).headers["ETag"]
            for link in (untagged, tagged)
        ]

        assert tags[0] == '"0"'
        assert re.fullmatch('"0-[0-9a-f]{16}"', tags[1])

    def test_it_holds_for_disable_enable_and_delete(
        self, client: FlaskClient, bearer: Bearer, create: Create
    ) -> None:
        path, old = f"/api/links/{create()['code']}", {**bearer, "If-Match": '"1234567"'}

        answers = [
            client.post(f"{path}/disable", headers=old),
            client.post(f"{path}/enable", headers=old),
            client.delete(path, headers=old),
        ]

        assert [answer.status_code for answer in answers] == [412, 412, 412]
        assert client.get(path, headers=bearer).get_json()["state"] == "active"


@pytest.mark.parametrize("new", ["new", "OLD"])
def test_a_rename_while_a_link_is_changed_is_not_undone(
    client: FlaskClient,
    bearer: Bearer,
    create: Create,
    monkeypatch: pytest.MonkeyPatch,
    new: str,
) -> None:
    link = create(tags=["x", "old"])
    update = ManagedLinkTable.update
    tries: list[Any] = []

    def rename_first(*given: Any, **more: Any) -> bool:
        if not tries:
            client.patch("/api/tags/old", json={"name": new}, headers=bearer)
        tries.append(given)
        return update(*given, **more)

    monkeypatch.setattr(ManagedLinkTable, "update", rename_first)

    shown = changed(client, bearer, link, {"title": "changed"})

    assert (shown["title"], shown["tags"]) == ("changed", ["x", new])
    found = client.get("/api/tags", headers=bearer).get_json()["tags"]
    assert {tag["name"]: tag["links"] for tag in found} == {"x": 1, new: 1}


def test_a_rename_that_a_change_has_to_wait_for_is_not_undone(
    client: FlaskClient, bearer: Bearer, create: Create, module_database: Database
) -> None:
    link = create(tags=["x", "waited-for"])
    shown: list[Any] = []

    def change() -> None:
        with client.application.test_client() as own:
            shown.append(changed(own, bearer, link, {"title": "changed"}))

    thread = threading.Thread(target=change)
    with module_database.connect() as connection, connection.transaction():
        connection.execute(
            "UPDATE tags SET key = 'renamed', name = 'renamed' WHERE key = 'waited-for'"
        )
        thread.start()
        eventually(lambda: _somebody_waits(connection))
    thread.join(10)

    assert (shown[0]["title"], shown[0]["tags"]) == ("changed", ["x", "renamed"])


def _somebody_waits(connection: psycopg.Connection) -> bool:
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"
    return connection.execute(waiting).fetchone() is not None


def test_another_spelling_of_its_target_leaves_a_link_to_be_found(
    client: FlaskClient, bearer: Bearer, target: str
) -> None:
    code = client.post("/api/", json={"url": target}, headers=bearer).get_json()["short_code"]
    spelled = target.replace("https://", "HTTPS://", 1)
    assert spelled != target

    changed(client, bearer, {"code": code}, {"url": spelled})

    again = client.post("/api/", json={"url": target}, headers=bearer)
    assert (again.status_code, again.get_json()["short_code"]) == (200, code)


def test_the_old_target_is_gone_at_once_for_the_worker_that_changed_it(
    client: FlaskClient, bearer: Bearer, create: Create, follow: Follow
) -> None:
    link = create()
    follow(link["code"])

    changed(client, bearer, link, {"url": "https://e.com/new"})

    assert follow(link["code"]).headers["Location"] == "https://e.com/new"


def test_a_deleted_link_is_seen_by_its_owner_and_can_be_had_back(
    client: FlaskClient, bearer: Bearer, create: Create, follow: Follow
) -> None:
    link = create(tags=["x"])
    path = f"/api/links/{link['code']}"

    deleted = [client.delete(path, headers=bearer) for _ in range(2)]
    shown = client.get(path, headers=bearer).get_json()
    refused = patch(client, bearer, link, {"title": "x"})
    listed = client.get("/api/user/urls", headers=bearer).get_json()["urls"]
    gone = follow(link["code"])
    back = client.post(f"{path}/enable", headers=bearer).get_json()

    assert [(answer.status_code, answer.data) for answer in deleted] == [(204, b"")] * 2
    assert shown["state"] == "deleted"
    assert (refused.status_code, refused.get_json()["code"]) == (410, "LINK_GONE")
    assert listed == []
    assert gone.status_code == 410
    assert (back["state"], back["tags"]) == ("active", ["x"])
    assert follow(link["code"]).status_code == 302


def test_a_limit_that_is_lowered_below_what_was_used_is_reached(
    client: FlaskClient, bearer: Bearer, create: Create, follow: Follow
) -> None:
    link = create(max_visits=5)
    for _ in range(3):
        follow(link["code"])

    states = [
        changed(client, bearer, link, {"max_visits": limit})["state"] for limit in (3, 4, None, 2)
    ]

    assert states == ["exhausted", "active", "active", "exhausted"]


def test_an_alias_in_another_case_is_found_by_every_operation(
    client: FlaskClient, bearer: Bearer, create: Create
) -> None:
    create(alias="in-any-case")
    path = "/api/links/IN-Any-Case"

    answers = [
        client.post(f"{path}/disable", headers=bearer),
        client.post(f"{path}/enable", headers=bearer),
        client.patch(path, json={"title": "found"}, headers=bearer),
        client.delete(path, headers=bearer),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 204]
    assert client.get("/api/links/in-any-case", headers=bearer).get_json()["state"] == "deleted"


def test_in_another_case_the_link_that_is_spelt_so_is_meant(
    client: FlaskClient, bearer: Bearer, create: Create
) -> None:
    generated = create()
    while generated["code"] == generated["code"].lower():
        generated = create()
    alias = create(alias=generated["code"].lower())
    path = f"/api/links/{generated['code']}"

    refused = client.post(f"{path}/disable", headers={**bearer, "If-Match": '"none"'})
    client.post(f"{path}/disable", headers=bearer)

    assert refused.status_code == 412
    shown = [
        client.get(f"/api/links/{link['code']}", headers=bearer) for link in (generated, alias)
    ]
    assert [answer.get_json()["state"] for answer in shown] == ["disabled", "active"]


def test_a_query_too_long_to_be_forwarded_uses_up_no_visit(
    client: FlaskClient, create: Create, follow: Follow
) -> None:
    url = "https://example.com/" + "\u00e9" * 2000
    code = create(url=url, forward_query=True, max_visits=1)["code"]

    refused = follow(f"{code}?{'b' * 3500}"), client.get(f"/api/{code}?{'b' * 3500}")

    assert [answer.status_code for answer in refused] == [400, 400]
    assert [follow(code).status_code for _ in range(2)] == [302, 410]


def count(database: Database, code: str, visits: int) -> None:
    """Count visits, as a worker writes them down."""
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO link_counts AS kept (code, user_id, visits)"
            " SELECT id, user_id, %s FROM urls WHERE id = %s"
            " ON CONFLICT (code) DO UPDATE SET visits = kept.visits + excluded.visits",
            (visits, code),
        )


def written(database: Database, code: str) -> int:
    """Return how many visits are written down."""
    with database.connect() as connection:
        row = connection.execute("SELECT visits FROM link_counts WHERE code = %s", [code])
        found = row.fetchone()
    return found[0] if found else 0


def test_a_limit_is_one_of_all_visits_of_a_links_life(
    client: FlaskClient,
    bearer: Bearer,
    create: Create,
    follow: Follow,
    module_database: Database,
) -> None:
    link = create(max_visits=5)
    follow(link["code"])
    eventually(lambda: written(module_database, link["code"]) == 1)
    changed(client, bearer, link, {"max_visits": None})
    count(module_database, link["code"], 10)

    reached = changed(client, bearer, link, {"max_visits": 11})
    more = changed(client, bearer, link, {"max_visits": 12})

    assert (reached["state"], more["state"]) == ("exhausted", "active")
    assert [follow(link["code"]).status_code for _ in range(2)] == [302, 410]


STATES: dict[str, dict[str, Any]] = {
    "scheduled": {"starts_at": SOON},
    "expired": {"expires_at": PAST},
    "exhausted": {"max_visits": 1},
    "disabled": {},
    "deleted": {},
}


class TestEveryState:
    @pytest.fixture(params=STATES)
    def link(
        self,
        request: pytest.FixtureRequest,
        client: FlaskClient,
        bearer: Bearer,
        create: Create,
        follow: Follow,
    ) -> dict[str, Any]:
        """Bring a link into a state."""
        state: str = request.param
        link = create(**STATES[state])
        path = f"/api/links/{link['code']}"
        if state == "exhausted":
            assert follow(link["code"]).status_code == 302
        elif state == "disabled":
            client.post(f"{path}/disable", headers=bearer)
        elif state == "deleted":
            client.delete(path, headers=bearer)
        found: dict[str, Any] = client.get(path, headers=bearer).get_json()
        assert found["state"] == state
        return found

    def test_on_the_api_the_redirect_the_head_and_the_page(
        self, client: FlaskClient, link: dict[str, Any]
    ) -> None:
        code = link["code"]
        later = link["state"] == "scheduled"
        status, word = (404, "LINK_NOT_STARTED") if later else (410, "LINK_GONE")
        browser = {"Accept": "text/html,*/*;q=0.8"}

        for path in (f"/api/{code}", f"/{code}"):
            answer = client.get(path)
            body = answer.get_json()
            assert (answer.status_code, body["code"]) == (status, word)
            assert "Location" not in answer.headers
            assert ("Retry-After" in answer.headers) == later
            assert later or body["details"]
        head = client.head(f"/{code}")
        page = client.get(f"/{code}", headers=browser)

        assert (head.status_code, head.data) == (status, b"")
        assert (page.status_code, page.mimetype) == (status, "text/html")
        assert word in page.get_data(as_text=True)


def test_a_start_in_the_past_with_an_offset_and_milliseconds(
    create: Create, follow: Follow
) -> None:
    link = create(starts_at="2020-01-01T00:00:00.250-03:00")

    assert (link["starts_at"], link["state"]) == ("2020-01-01T03:00:00.250000Z", "active")
    assert follow(link["code"]).status_code == 302


class TestARedirect:
    def test_has_the_links_own_status(self, create: Create, follow: Follow) -> None:
        answer = follow(create(redirect_status=301)["code"])

        assert answer.status_code == 301
        assert answer.headers["Cache-Control"] == "private, max-age=90"

    def test_is_not_kept_past_the_expiry(self, create: Create, follow: Follow) -> None:
        expiry = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()

        answer = follow(create(redirect_status=308, expires_at=expiry)["code"])

        seconds = int(answer.headers["Cache-Control"].removeprefix("private, max-age="))
        assert seconds <= 60

    @pytest.mark.parametrize("status", [302, 301])
    def test_of_a_limited_number_is_never_kept(
        self, create: Create, follow: Follow, status: int
    ) -> None:
        answer = follow(create(redirect_status=status, max_visits=9)["code"])

        assert answer.headers["Cache-Control"] == "no-store"

    def test_follows_the_rules_for_real_browsers(self, create: Create, follow: Follow) -> None:
        code = create(
            rules=[
                {"if": {"device": "android"}, "url": "https://e.com/android"},
                {"if": {"language": "pt"}, "url": "https://e.com/pt"},
            ]
        )["code"]
        phone = (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/130.0.0.0 Mobile Safari/537.36"
        )

        assert follow(code, User_Agent=phone).headers["Location"] == "https://e.com/android"
        brazil = follow(code, Accept_Language="pt-BR,pt;q=0.9,en-US;q=0.8")
        assert brazil.headers["Location"] == "https://e.com/pt"


class TestALimit:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec_Purpose": "prefetch"},
            {"Purpose": "prefetch"},
            {"X_Moz": "prefetch"},
            {"User_Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
            {"User_Agent": ""},
        ],
        ids=str,
    )
    def test_is_not_used_up_by_those_who_are_no_visitors(
        self, create: Create, follow: Follow, headers: dict[str, str]
    ) -> None:
        code = create(max_visits=1)["code"]

        ahead = [follow(code, **headers).status_code for _ in range(3)]

        assert ahead == [302, 302, 302]
        assert [follow(code).status_code for _ in range(2)] == [302, 410]
        assert follow(code, **headers).status_code == 410

    def test_is_not_used_up_by_head(
        self, client: FlaskClient, create: Create, follow: Follow
    ) -> None:
        code = create(max_visits=1)["code"]

        assert [client.head(f"/{code}").status_code for _ in range(2)] == [302, 302]
        assert [follow(code).status_code for _ in range(2)] == [302, 410]

    def test_is_used_up_by_the_frontends_resolves(
        self, client: FlaskClient, create: Create
    ) -> None:
        code = create(max_visits=2)["code"]
        person = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Firefox/132.0"}

        statuses = [client.get(f"/api/{code}", headers=person).status_code for _ in range(3)]

        assert statuses == [200, 200, 410]
