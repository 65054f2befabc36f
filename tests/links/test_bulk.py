"""`POST /api/links/bulk`, and `Idempotency-Key` there and on `POST /api/`."""

import threading
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.model.errors import DatabaseUnavailable
from app.storage.managed_links import ManagedLinkTable
from tests.harness.servers import Database
from tests.routes.conftest import MakeClient

Bearer = dict[str, str]


def send(client: FlaskClient, bearer: Bearer, links: Any, key: str | None = None) -> TestResponse:
    headers = bearer if key is None else {**bearer, "Idempotency-Key": key}
    return client.post("/api/links/bulk", json={"links": links}, headers=headers)


def number_of_links(database: Database) -> int:
    with database.connect() as connection:
        row = connection.execute("SELECT count(*) FROM urls").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def key() -> str:
    """Return a key that no other test uses."""
    return f"key {next(_keys)}"


_keys = iter(range(10_000))


def test_each_link_has_an_answer_in_order_and_a_bad_one_undoes_no_other(
    client: FlaskClient, bearer: Bearer, target: str
) -> None:
    links = [
        {"url": target},
        {"url": target},
        {"url": target, "title": "managed"},
        {"url": "javascript:alert(1)"},
        {"url": 5},
        [],
        None,
        {"url": target, "alias": "health"},
        {"url": f"{target}/last", "tags": ["bulk"]},
    ]

    answer = send(client, bearer, links)

    answers = answer.get_json()["links"]
    assert answer.status_code == 200
    assert [one["status"] for one in answers] == [201, 200, 201, 400, 400, 400, 400, 400, 201]
    assert answers[0]["short_code"] == answers[1]["short_code"]
    assert answers[2]["link"]["title"] == "managed"
    assert answers[3]["code"] == "INVALID_URL"
    assert {one["code"] for one in answers[4:7]} == {"INVALID_JSON"}
    assert answers[7]["code"] == "RESERVED_WORD"
    assert answers[8]["link"]["tags"] == ["bulk"]


def test_a_thousand_links_and_no_more(client: FlaskClient, bearer: Bearer, target: str) -> None:
    links = [{"url": f"{target}/{number}"} for number in range(1_000)]

    most, one_more = send(client, bearer, links), send(client, bearer, [*links, {"url": target}])

    assert [one["status"] for one in most.get_json()["links"]] == [201] * 1_000
    assert (one_more.status_code, one_more.get_json()["code"]) == (400, "INVALID_JSON")
    assert send(client, bearer, []).status_code == 400


def test_it_needs_an_account(client: FlaskClient, target: str) -> None:
    assert send(client, {}, [{"url": target}]).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"Alias": "{code}", "Expires_At": "2020-01-01T00:00:00Z"},
        {"ALIAS": "{code}", "alias": "{code}-exact"},
        {"MAX_VISITS": 1, "Title": "A title", "more": 1},
        {"Expires_at": ""},
        {"Redirect_Status": 0},
        {"alias": ""},
        {"max_visits": 0},
        {"starts_at": ""},
        {"Tags": "x"},
        {"url": 5},
        {"more": msgspec.json.decode("[" * 63 + "]" * 63), "max_visits": 5},
    ],
    ids=lambda body: str(body)[:60],
)
@pytest.mark.parametrize("name", ["url", "URL"])
def test_a_link_is_read_as_it_is_alone(
    client: FlaskClient, bearer: Bearer, target: str, body: dict[str, Any], name: str
) -> None:
    def link(code: str) -> dict[str, Any]:
        return {
            given: value.format(code=code) if isinstance(value, str) else value
            for given, value in {name: target, **body}.items()
        }

    def outcome(status: int, answer: dict[str, Any], code: str) -> Any:
        made = answer.get("link")
        if made is None:
            return status, {k: v for k, v in answer.items() if k != "status"}
        volatile = {"code", "short_url", "created_at", "changed_at"}
        told = {k: v for k, v in made.items() if k not in volatile}
        return status, told, answer["short_code"].replace(code, "") if body.get("Alias") else ""

    suffix = target.rpartition("/")[2]
    alone, together = f"alone-{suffix}", f"among-{suffix}"

    one = client.post("/api/", json=link(alone), headers=bearer)
    (many,) = send(client, bearer, [link(together)]).get_json()["links"]

    assert outcome(one.status_code, one.get_json(), alone) == outcome(
        many["status"], many, together
    )


def test_a_body_may_be_larger_than_that_of_one_link_and_is_bounded(
    client: FlaskClient, bearer: Bearer
) -> None:
    url = "https://e.com/" + "x" * 8_000

    large = send(client, bearer, [{"url": f"{url}{number}"} for number in range(100)])
    too_large = send(client, bearer, [{"url": f"{url}{number}"} for number in range(300)])

    assert [one["status"] for one in large.get_json()["links"]] == [201] * 100
    assert (too_large.status_code, too_large.get_json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_hundred_links_count_as_one_request(make_client: MakeClient, target: str) -> None:
    client = make_client(
        RATE_LIMIT_ENABLED="true", RATE_LIMIT="5/hour", RATE_LIMIT_AUTH="9/hour", REDIS_ADDR=""
    )
    body = {"email": f"limited-{id(target)}@example.org", "password": "secret1"}
    token = client.post("/api/signup", json=body).get_json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    links = [{"url": f"{target}/{number}"} for number in range(250)]

    statuses = [send(client, bearer, links).status_code for _ in range(2)]

    assert statuses == [200, 429]


class TestAKey:
    def test_gives_the_same_answer_again_and_makes_nothing_twice(
        self,
        client: FlaskClient,
        bearer: Bearer,
        target: str,
        key: str,
        module_database: Database,
    ) -> None:
        links = [{"url": target, "title": str(number)} for number in range(3)] + [{"url": "x"}]

        first = send(client, bearer, links, key)
        made = number_of_links(module_database)
        second = send(client, bearer, links, key)

        assert first.data == second.data
        assert number_of_links(module_database) == made

    @pytest.mark.parametrize("field", [{}, {"title": "x"}, {"alias": "with-a-key"}], ids=str)
    def test_works_for_one_link_too(
        self, client: FlaskClient, bearer: Bearer, target: str, key: str, field: dict[str, str]
    ) -> None:
        headers = {**bearer, "Idempotency-Key": key}

        answers = [
            client.post("/api/", json={"url": target, **field}, headers=headers) for _ in "ab"
        ]

        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].data == answers[1].data

    def test_is_of_one_request_and_one_caller(
        self, client: FlaskClient, bearer: Bearer, target: str, key: str
    ) -> None:
        headers = {**bearer, "Idempotency-Key": key}
        client.post("/api/", json={"url": target, "title": "x"}, headers=headers)

        other = client.post("/api/", json={"url": target, "title": "y"}, headers=headers)
        anonymous = client.post(
            "/api/",
            json={"url": target, "alias": key.replace(" ", "-")},
            headers={"Idempotency-Key": key},
        )

        assert (other.status_code, other.get_json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert anonymous.status_code == 201

    @pytest.mark.parametrize("bad", ["", " ", "x" * 256, "schlüssel", "a\x7f"])
    def test_is_printable_ascii(
        self, client: FlaskClient, bearer: Bearer, target: str, bad: str
    ) -> None:
        headers = {**bearer, "Idempotency-Key": bad}

        answer = client.post("/api/", json={"url": target}, headers=headers)

        assert answer.get_json()["code"] == "INVALID_IDEMPOTENCY_KEY"

    def test_of_a_request_under_way_is_a_conflict(
        self,
        client: FlaskClient,
        bearer: Bearer,
        target: str,
        key: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        entered, leave = threading.Event(), threading.Event()
        insert = ManagedLinkTable.insert

        def wait(self: ManagedLinkTable, *args: Any) -> bool:
            entered.set()
            assert leave.wait(20)
            return insert(self, *args)

        monkeypatch.setattr(ManagedLinkTable, "insert", wait)
        body, headers = {"url": target, "title": "x"}, {**bearer, "Idempotency-Key": key}

        def ask() -> None:
            with client.application.test_client() as other:
                statuses.append(other.post("/api/", json=body, headers=headers).status_code)

        statuses: list[int] = []
        thread = threading.Thread(target=ask)
        thread.start()
        assert entered.wait(20)
        second = client.post("/api/", json=body, headers=headers)
        leave.set()
        thread.join()

        assert statuses == [201]
        assert (second.status_code, second.get_json()["code"]) == (409, "IDEMPOTENCY_KEY_IN_USE")
        assert second.headers["Retry-After"] == "1"
        assert client.post("/api/", json=body, headers=headers).status_code == 201

    def test_goes_on_where_the_first_attempt_ended(  # noqa: PLR0917
        self,
        client: FlaskClient,
        bearer: Bearer,
        target: str,
        key: str,
        module_database: Database,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        links = [{"url": target, "title": str(number)} for number in range(5)]
        before = number_of_links(module_database)
        insert = ManagedLinkTable.insert
        made: list[str] = []

        def fail_after_three(self: ManagedLinkTable, code: str, *args: Any) -> bool:
            if len(made) == 3:
                raise DatabaseUnavailable("for a test")
            made.append(code)
            return insert(self, code, *args)

        with monkeypatch.context() as failing:
            failing.setattr(ManagedLinkTable, "insert", fail_after_three)
            first = send(client, bearer, links, key).get_json()["links"]
        second = send(client, bearer, links, key).get_json()["links"]
        third = send(client, bearer, links, key).get_json()["links"]

        assert [one["status"] for one in first] == [201, 201, 201, 503, 503]
        assert [one["status"] for one in second] == [201] * 5
        assert [one["short_code"] for one in second[:3]] == made
        assert third == second
        assert number_of_links(module_database) == before + 5

    @pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "one"])
    def test_stands_for_what_is_said_and_not_for_how_it_is_written(
        self, client: FlaskClient, bearer: Bearer, target: str, key: str, *, bulk: bool
    ) -> None:
        links = [
            f'{{"url":"{target}","title":"x","tags":["a"],"rules":null}}',
            f'{{ "tags" : ["\\u0061"],\n"more":1, "Title":"x", "url":"{target}" }}',
        ]
        refused = ['{"url":5,"a":{"b":1,"c":[]}}', '{"a": {"c": [ ], "b": 1}, "url": 5}', "[1 , 2]"]
        if bulk:
            path = "/api/links/bulk"
            bodies = [
                f'{{"links":[{link},{other},[1,2]]}}'
                for link, other in zip(links, refused, strict=False)
            ]
            bodies.append(f'{{"links":[{links[1]},{refused[1]},{refused[2]}] }}')
            bodies.append(f'{{"Links":[{links[1]},{refused[1]},{refused[2]}],"more":[]}}')
        else:
            path, bodies = "/api/", links
        headers = {**bearer, "Idempotency-Key": key, "Content-Type": "application/json"}

        answers = [client.post(path, data=body, headers=headers) for body in bodies]
        other = client.post(path, data=bodies[0].replace('"x"', '"y"'), headers=headers)

        assert {answer.status_code for answer in answers} == {200 if bulk else 201}
        assert len({answer.data for answer in answers}) == 1
        assert (other.status_code, other.get_json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")

    @pytest.mark.parametrize("other", ['{"url":6}', "[]", '{"url":5,"more":1}', "1e999", '"ÿ"'])
    def test_tells_links_apart_that_are_none(
        self, client: FlaskClient, bearer: Bearer, key: str, other: str
    ) -> None:
        headers = {**bearer, "Idempotency-Key": key, "Content-Type": "application/json"}

        statuses = [
            client.post(
                "/api/links/bulk",
                data=f'{{"links":[{link}]}}'.encode("latin-1"),  # which makes no UTF-8 of the last
                headers=headers,
            ).status_code
            for link in ('{"url":5}', '{"url": 5 }', other)
        ]

        assert statuses == [200, 200, 422]

    def test_lasts_a_day(
        self,
        client: FlaskClient,
        bearer: Bearer,
        target: str,
        key: str,
        module_database: Database,
    ) -> None:
        links = [{"url": target, "title": "x"}]
        first = send(client, bearer, links, key).get_json()["links"]
        with module_database.connect() as connection:
            connection.execute(
                "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'"
            )

        second = send(client, bearer, links, key).get_json()["links"]

        assert first[0]["short_code"] != second[0]["short_code"]
