"""Many callers at once, over two instances with two workers each."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.links.fleet import WAIT, create, fleet, follow, race, sign_up


@pytest.fixture(scope="module")
def services(module_database: Database, module_valkey: Valkey) -> Iterator[list[Service]]:
    """Run two instances for the tests of this file."""
    environment = {**module_database.environment, **module_valkey.environment()}
    with fleet(environment, environment) as services:
        yield services


def test_one_alias_goes_to_one_of_64_callers(services: list[Service]) -> None:
    alias = f"wanted-{uuid.uuid4()}"

    def ask(number: int) -> requests.Response:
        body = {"url": f"https://e.com/{number}", "alias": alias}
        return requests.post(f"{services[number % 2].url}/api/", json=body, timeout=WAIT)

    answers = race(64, 64, ask)

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 63}
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert codes == {"ALIAS_TAKEN"}
    winner = next(answer for answer in answers if answer.status_code == 201)
    assert follow(services[0], alias).headers["Location"] == winner.json()["link"]["url"]


def take(services: list[Service], limit: int, visits: int) -> Counter[int]:
    """Let many visit a link at once that takes so many; return how often each status came."""
    bearer = sign_up(services[0], str(uuid.uuid4()))
    code = create(services[0], bearer, url="https://e.com/limited", max_visits=limit)

    answers = race(visits, 16, lambda number: follow(services[number % 2], code).status_code)

    shown = requests.get(f"{services[1].url}/api/links/{code}", headers=bearer, timeout=WAIT).json()
    assert shown["state"] == "exhausted"
    return Counter(answers)


def test_a_link_takes_as_many_visits_as_it_was_made_for(services: list[Service]) -> None:
    assert take(services, 20, 300) == {302: 20, 410: 280}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_link_takes_a_hundred_of_ten_thousand(services: list[Service]) -> None:
    assert take(services, 100, 10_000) == {302: 100, 410: 9_900}


def test_one_edit_of_those_that_saw_the_same_link_wins(services: list[Service]) -> None:
    bearer = sign_up(services[0], str(uuid.uuid4()))
    code = create(services[0], bearer, url="https://e.com/", title="first")
    path = f"/api/links/{code}"
    tag = requests.get(services[0].url + path, headers=bearer, timeout=WAIT).headers["ETag"]

    def edit(number: int) -> int:
        headers = {**bearer, "If-Match": tag}
        body = {"title": f"edit {number}"}
        url = services[number % 2].url + path
        return requests.patch(url, json=body, headers=headers, timeout=WAIT).status_code

    assert Counter(race(16, 16, edit)) == {200: 1, 412: 15}


def test_edits_of_different_fields_are_all_kept(services: list[Service]) -> None:
    bearer = sign_up(services[0], str(uuid.uuid4()))
    code = create(services[0], bearer, url="https://e.com/", title="first")
    fields = [
        {"title": "new"}, {"tags": ["a"]}, {"max_visits": 5}, {"redirect_status": 307},
    ]  # fmt: skip

    def edit(number: int) -> int:
        url = f"{services[number % 2].url}/api/links/{code}"
        return requests.patch(url, json=fields[number], headers=bearer, timeout=WAIT).status_code

    statuses = race(4, 4, edit)

    shown = requests.get(f"{services[0].url}/api/links/{code}", headers=bearer, timeout=WAIT).json()
    assert statuses == [200] * 4
    assert (shown["title"], shown["tags"]) == ("new", ["a"])
    assert (shown["max_visits"], shown["redirect_status"]) == (5, 307)


def test_changes_that_give_and_take_the_same_tags_never_wait_in_a_circle(
    services: list[Service],
) -> None:
    bearer = sign_up(services[0], str(uuid.uuid4()))
    codes = [
        create(services[0], bearer, url=f"https://e.com/{n}", tags=["a", "b"][n % 2 :][:1])
        for n in range(8)
    ]

    def swap(number: int) -> int:
        body = {"tags": ["b"] if (number // 8 + number) % 2 else ["a"]}
        url = f"{services[number % 2].url}/api/links/{codes[number % 8]}"
        return requests.patch(url, json=body, headers=bearer, timeout=WAIT).status_code

    assert set(race(48, 8, swap)) <= {200, 409}
    found = requests.get(f"{services[0].url}/api/tags", headers=bearer, timeout=WAIT).json()
    assert sum(tag["links"] for tag in found["tags"]) == 8


@pytest.mark.parametrize("sort", ["-created_at", "created_at", "code", "-visits"])
def test_pages_hold_each_link_once_while_others_are_made_and_deleted(
    services: list[Service], sort: str
) -> None:
    bearer = sign_up(services[0], str(uuid.uuid4()))
    here, there = services
    stay, go = (
        [create(here, bearer, url="https://e.com/", title="x") for _ in range(25)] for _ in "ab"
    )
    stop = threading.Event()
    made: list[str] = []

    def disturb() -> None:
        for code in go:
            if stop.is_set():
                return
            made.append(create(there, bearer, url="https://e.com/", title="x"))
            path = f"{there.url}/api/links/{code}"
            requests.delete(path, headers=bearer, timeout=WAIT)

    thread = threading.Thread(target=disturb)
    thread.start()
    listed: list[str] = []
    query = {"sort": sort, "limit": "2"}
    while True:
        url = f"{here.url}/api/links"
        page = requests.get(url, params=query, headers=bearer, timeout=WAIT).json()
        listed += [link["code"] for link in page["links"]]
        if page["cursor"] is None:
            break
        query["cursor"] = page["cursor"]
    stop.set()
    thread.join(WAIT)

    assert len(listed) == len(set(listed))
    assert set(stay) <= set(listed) <= {*stay, *go, *made}
