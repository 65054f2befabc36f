"""`/api/links/<code>/statistics` and `/api/statistics`: JSON, CSV, and beginning anew."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.routes.tables import csv_text
from tests.harness.servers import Database
from tests.harness.sinks import eventually
from tests.routes.conftest import MakeClient

Bearer = dict[str, str]

FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"}


@pytest.fixture
def own(client: FlaskClient, target: str, bearer: Bearer) -> str:
    """Shorten a target as somebody, and return the code."""
    code: str = client.post("/api/", json={"url": target}, headers=bearer).get_json()["short_code"]
    return code


def visit(client: FlaskClient, code: str, times: int = 1, query: str = "", **headers: str) -> None:
    for _ in range(times):
        assert client.get(f"/{code}{query}", headers={**FIREFOX, **headers}).status_code == 302


def read(client: FlaskClient, path: str, bearer: Bearer, visits: int) -> dict[str, Any]:
    """Return the statistics, once so many visits are in them."""
    found: dict[str, Any] = {}

    def arrived() -> bool:
        found.update(client.get(path, headers=bearer).get_json())
        return bool(found["totals"]["visits"] == visits)

    eventually(arrived)
    return found


def test_a_link_tells_who_came_to_its_owner(client: FlaskClient, own: str, bearer: Bearer) -> None:
    visit(client, own, 3, Referer="https://www.example.org/a?b=c")
    visit(client, own, 1, "?qr&utm_source=poster")
    client.get(f"/{own}", headers={"User-Agent": "Googlebot/2.1"})
    client.get(f"/api/{own}", headers=FIREFOX)
    client.head(f"/{own}", headers=FIREFOX)

    found = read(client, f"/api/links/{own}/statistics", bearer, 5)

    assert found["totals"] == {"visits": 5, "visitors": 0, "bots": 1, "scans": 1}
    assert found["breakdowns"]["referrers"] == [{"value": "example.org", "visits": 3}]
    assert found["breakdowns"]["browsers"] == [{"value": "Firefox", "visits": 5}]
    assert found["breakdowns"]["utm_sources"] == [{"value": "poster", "visits": 1}]
    assert len(found["series"]) == 30
    assert sum(step["visits"] for step in found["series"]) == 5
    assert (found["interval"], found["tz"]) == ("day", "UTC")


def test_all_of_ones_links_together(client: FlaskClient, own: str, bearer: Bearer) -> None:
    more = client.post("/api/", json={"url": "https://e.com/more"}, headers=bearer).get_json()
    visit(client, own, 2)
    visit(client, more["short_code"], 1)

    found = read(client, "/api/statistics?interval=hour&tz=Asia/Kathmandu", bearer, 3)

    assert found["series"][-1]["at"].endswith("+05:45")
    assert {step["visitors"] for step in found["series"]} == {None}


def test_the_same_as_a_table(client: FlaskClient, own: str, bearer: Bearer) -> None:
    visit(client, own, 2, "?utm_source=%3DSUM(A1)")
    read(client, f"/api/links/{own}/statistics", bearer, 2)

    answer = client.get(f"/api/links/{own}/statistics.csv", headers=bearer)

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{own}-statistics.csv"'
    rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True))))
    assert rows[0] == ["kind", "name", "visits", "visitors", "bots", "scans"]
    assert rows[1] == ["total", "", "2", "0", "0", "0"]
    assert ["utm_sources", "'=SUM(A1)", "2", "", "", ""] in rows
    assert len([row for row in rows if row[0] == "day"]) == 30


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(begin: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_text([[f'{begin}cmd|"x"', 5]])))

    assert row == [f'\'{begin}cmd|"x"', "5"]


@pytest.mark.parametrize("kind", ["", ".csv"])
def test_moments_count_by_quarters_of_an_hour_and_the_answer_says_so(
    client: FlaskClient, own: str, bearer: Bearer, kind: str
) -> None:
    visit(client, own, 3)
    read(client, f"/api/links/{own}/statistics", bearer, 3)
    now = datetime.now(UTC) + timedelta(seconds=1)
    soon = now + timedelta(hours=1, microseconds=1)
    asked = f"from={now:%Y-%m-%dT%H:%M:%SZ}&to={soon:%Y-%m-%dT%H:%M:%S.%fZ}&interval=hour"

    answer = client.get(f"/api/links/{own}/statistics{kind}?{asked}", headers=bearer)

    if kind:
        assert answer.get_data(as_text=True).splitlines()[1].startswith("total,,3,")
        return
    found = answer.get_json()
    assert found["totals"]["visits"] == 3
    begin, end = (datetime.fromisoformat(found[name]) for name in ("from", "to"))
    assert now - timedelta(minutes=15) < begin <= now
    assert soon <= end < soon + timedelta(minutes=15)
    assert {moment.timestamp() % 900 for moment in (begin, end)} == {0}


def test_an_alias_is_found_in_any_case(client: FlaskClient, bearer: Bearer) -> None:
    body = {"url": "https://e.com/alias", "alias": "Any-Case"}
    assert client.post("/api/", json=body, headers=bearer).status_code == 201
    visit(client, "any-case", 2)

    assert read(client, "/api/links/ANY-Case/statistics", bearer, 2)["totals"]["visits"] == 2
    table = client.get("/api/links/ANY-CASE/statistics.csv", headers=bearer)
    assert table.get_data(as_text=True).splitlines()[1].startswith("total,,2,")
    assert client.delete("/api/links/Any-Case/statistics", headers=bearer).status_code == 204
    read(client, "/api/links/any-case/statistics", bearer, 0)


def test_a_code_as_typed_goes_before_an_alias_in_lower_case(
    client: FlaskClient, bearer: Bearer, module_database: Database
) -> None:
    made = client.post("/api/", json={"url": "https://e.com/1", "alias": "ab3xy9"}, headers=bearer)
    assert made.status_code == 201
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO urls (id, original_url, user_id)"
            " SELECT 'aB3xY9', 'https://e.com/2', user_id FROM urls WHERE id = 'ab3xy9'"
        )
    visit(client, "aB3xY9", 2)
    visit(client, "ab3xy9", 1)

    read(client, "/api/links/aB3xY9/statistics", bearer, 2)
    read(client, "/api/links/AB3XY9/statistics", bearer, 1)


def test_a_link_begins_anew(client: FlaskClient, own: str, bearer: Bearer) -> None:
    visit(client, own, 2)
    read(client, f"/api/links/{own}/statistics", bearer, 2)

    assert client.delete(f"/api/links/{own}/statistics", headers=bearer).status_code == 204

    read(client, f"/api/links/{own}/statistics", bearer, 0)


def test_what_was_answered_before_a_link_begins_anew_does_not_come_back(
    client: FlaskClient, make_client: MakeClient, own: str, bearer: Bearer
) -> None:
    beside = make_client()  # as another worker
    for worker in (client, beside):
        visit(worker, own, 5)

    assert client.delete(f"/api/links/{own}/statistics", headers=bearer).status_code == 204
    visit(beside, own, 1)
    visit(client, own, 2)

    # Each worker writes in order: with the visits of later, those of before would be there too.
    read(client, f"/api/links/{own}/statistics", bearer, 3)
    read(client, "/api/statistics", bearer, 3)


@pytest.mark.parametrize("method", ["get", "delete"])
def test_somebody_elses_link_is_not_there(
    client: FlaskClient, code: str, bearer: Bearer, method: str
) -> None:
    answer = getattr(client, method)(f"/api/links/{code}/statistics", headers=bearer)

    assert (answer.status_code, answer.get_json()["code"]) == (404, "URL_NOT_FOUND")


@pytest.mark.parametrize(
    "path", ["/api/links/aB3xY9/statistics", "/api/statistics", "/api/statistics.csv"]
)
def test_nobody_asks_without_a_token(client: FlaskClient, path: str) -> None:
    assert client.get(path).get_json()["code"] == "MISSING_TOKEN"


@pytest.mark.parametrize(
    "query", ["tz=Mars", "interval=year", "from=yesterday", "from=2026-02-02&to=2026-02-01"]
)
def test_a_question_that_makes_no_sense(
    client: FlaskClient, own: str, bearer: Bearer, query: str
) -> None:
    answer = client.get(f"/api/links/{own}/statistics?{query}", headers=bearer)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_QUERY")
    assert answer.get_json()["details"]
