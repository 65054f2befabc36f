"""Links as a running service serves them: in every state, to real browsers, byte for byte."""

import http.client
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from local.ports import LOOPBACK
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.harness.sinks import eventually
from tests.links.fleet import PERSON, WAIT, follow, sign_up

BROWSER = {**PERSON, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
Ask = Callable[..., requests.Response]
MakeLink = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    """Run one worker for the tests of this file."""
    with Service({**module_database.environment, **module_valkey.environment()}) as service:
        yield service


@pytest.fixture
def ask(service: Service) -> Ask:
    """Ask the API as somebody of one's own: ask("PATCH", "/api/links/x", title="y")."""
    bearer = sign_up(service, str(uuid.uuid4()))

    def send(method: str, path: str, **fields: Any) -> requests.Response:
        return requests.request(
            method, service.url + path, json=fields or None, headers=bearer, timeout=WAIT
        )

    return send


@pytest.fixture
def make(ask: Ask) -> MakeLink:
    """Make a link of one's own: make(max_visits=1)."""

    def create(**fields: Any) -> dict[str, Any]:
        answer = ask("POST", "/api/", **{"url": "https://e.com/", "title": "x", **fields})
        assert answer.status_code == 201, answer.text
        link: dict[str, Any] = answer.json()["link"]
        return link

    return create


def location(service: Service, path: str, **headers: str) -> str | None:
    """Follow a path that is sent as it stands, which most clients would tidy up."""
    connection = http.client.HTTPConnection(LOOPBACK, service.port, timeout=WAIT)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers={**PERSON, **named})
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 302
    return answer.headers["Location"]


def bring(service: Service, ask: Ask, make: MakeLink, state: str) -> str:
    """Return the code of a link that was brought into a state."""
    hour = timedelta(hours=1)
    fields: dict[str, dict[str, Any]] = {
        "scheduled": {"starts_at": (datetime.now(UTC) + hour).isoformat()},
        "expired": {"expires_at": (datetime.now(UTC) - hour).isoformat()},
        "exhausted": {"max_visits": 1},
    }
    code: str = make(**fields.get(state, {}))["code"]
    if state == "exhausted":
        assert follow(service, code).status_code == 302
    elif state == "disabled":
        assert ask("POST", f"/api/links/{code}/disable").ok
    elif state == "deleted":
        assert ask("DELETE", f"/api/links/{code}").ok
    assert ask("GET", f"/api/links/{code}").json()["state"] == state
    return code


@pytest.mark.parametrize(
    "state", ["active", "scheduled", "expired", "exhausted", "disabled", "deleted"]
)
def test_every_state_everywhere(service: Service, ask: Ask, make: MakeLink, state: str) -> None:
    code = bring(service, ask, make, state)
    later, gone = state == "scheduled", state not in {"active", "scheduled"}
    refused = 404 if later else 410
    word = "LINK_NOT_STARTED" if later else "LINK_GONE"

    def get(method: str, path: str, headers: dict[str, str]) -> requests.Response:
        return requests.request(
            method, service.url + path, headers=headers, timeout=WAIT, allow_redirects=False
        )

    for _ in range(2):  # as it is read, and as the caches have it
        for path, status in ((f"/api/{code}", 200), (f"/{code}", 302), (f"/{code}+", 200)):
            answers = [get("GET", path, headers) for headers in (PERSON, BROWSER)]
            head = get("HEAD", path, PERSON)
            expected = status if state == "active" else refused
            assert [answer.status_code for answer in (*answers, head)] == [expected] * 3, path
            assert head.content == b""
            for answer in (*answers, head):
                assert ("Location" in answer.headers) == (expected == 302)
                assert ("Retry-After" in answer.headers) == later
            if state != "active":
                program, person = answers
                assert program.json()["code"] == word
                assert bool(program.json().get("details")) == gone
                assert ("text/html" in person.headers["Content-Type"]) == (
                    not path.startswith("/api/")
                )
                assert word in person.text
        picture = get("GET", f"/{code}/qr.svg", PERSON)
        assert picture.status_code == (410 if gone else 200)


@pytest.mark.parametrize(
    ("target", "query", "sent"),
    [
        ("https://e.com/", "?a%20b=1&a%20b=2", "https://e.com/?a%20b=1&a%20b=2"),
        ("https://e.com/?x=1#top", "?a%20b=1&a%20b=2", "https://e.com/?x=1&a%20b=1&a%20b=2#top"),
        ("https://e.com/#top", "?a=1", "https://e.com/?a=1#top"),
        ("https://e.com/#top", "?", "https://e.com/#top"),
        ("https://e.com/?x", "?", "https://e.com/?x"),
        ("https://e.com/?x", "", "https://e.com/?x"),
        ("https://e.com/", "?a+b=%2B&&c;d=%C3%A9%zz", "https://e.com/?a+b=%2B&&c;d=%C3%A9%zz"),
        ("https://e.com/", "?qr&a=1", "https://e.com/?a=1"),
    ],
)
def test_a_query_is_forwarded_as_it_was_sent(
    service: Service, make: MakeLink, target: str, query: str, sent: str
) -> None:
    forwarding = make(url=target, forward_query=True)["code"]
    keeping = make(url=target)["code"]

    assert location(service, f"/{forwarding}{query}") == sent
    assert location(service, f"/{keeping}{query}") == target


IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
PIXEL = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/130.0.0.0 Mobile Safari/537.36"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0"
)


@pytest.mark.parametrize(
    ("agent", "languages", "led"),
    [
        (IPHONE, "pt-BR,pt;q=0.9", "ios-pt"),
        (IPHONE, "en-US,en;q=0.9", "ios"),
        (PIXEL, "pt-PT,pt;q=0.9,en;q=0.8", "pt"),
        (PIXEL, "de-DE,de;q=0.9,en-US;q=0.8", "android"),
        (EDGE, "zh-TW,zh-Hant;q=0.9,zh;q=0.8,pt;q=0.7", "hant"),
        (EDGE, "en-US,en;q=0.9,pt;q=0.8", "pt"),
        (EDGE, "fr;q=0.9, pt;q=0, *;q=0.1", ""),
        (EDGE, "", ""),
        ("curl/8.10.1", "*", ""),
    ],
)
def test_real_browsers_are_led_by_device_and_language(
    service: Service, make: MakeLink, agent: str, languages: str, led: str
) -> None:
    conditions = {
        "ios-pt": {"device": "ios", "language": "pt"},
        "hant": {"language": "zh-Hant"},
        "ios": {"device": "ios"},
        "pt": {"language": "pt"},
        "android": {"device": "android"},
    }
    rules = [{"if": each, "url": f"https://e.com/{name}"} for name, each in conditions.items()]
    code = make(rules=rules)["code"]

    for _ in range(2):  # as it is read, and from the cache
        to = location(service, f"/{code}", User_Agent=agent, Accept_Language=languages)
        assert to == f"https://e.com/{led}"


@pytest.mark.parametrize(
    ("given", "told", "state"),
    [
        ("2999-01-01T00:00:00-03:00", "2999-01-01T03:00:00Z", "scheduled"),
        ("2999-01-01T00:00:00.250Z", "2999-01-01T00:00:00.250000Z", "scheduled"),
        ("2020-06-01T12:00:00.123-03:00", "2020-06-01T15:00:00.123000Z", "active"),
    ],
)
def test_a_start_with_an_offset_with_milliseconds_or_in_the_past(
    service: Service, make: MakeLink, given: str, told: str, state: str
) -> None:
    link = make(starts_at=given)

    assert (link["starts_at"], link["state"]) == (told, state)
    assert follow(service, link["code"]).status_code == (302 if state == "active" else 404)


def test_a_link_starts_and_expires_at_its_moments(service: Service, make: MakeLink) -> None:
    start = datetime.now(UTC) + timedelta(seconds=1.5)
    end = start + timedelta(seconds=1.5)
    code = make(starts_at=start.isoformat(), expires_at=end.isoformat())["code"]

    # What a cache holds does not change; what it answers does.
    answers: list[tuple[datetime, int, datetime]] = []
    while not answers or answers[-1][1] != 410:
        before = datetime.now(UTC)
        answers.append((before, follow(service, code).status_code, datetime.now(UTC)))
        assert before < end + timedelta(seconds=WAIT)
        time.sleep(0.01)

    for before, status, after in answers:
        possible = {
            404 if moment < start else 302 if moment < end else 410 for moment in (before, after)
        }
        assert status in possible or (len(possible) == 2 and status == 302)
    assert {status for _, status, _ in answers} >= {410}


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        # New York sets its clocks back at 02:00 on 2027-11-07: 01:30 is there twice.
        ("2027-11-07T01:30:00-04:00", "2027-11-07T01:15:00-05:00", "2027-11-07T06:15:00Z"),
        ("2027-11-07T01:30:00-04:00", "2027-11-07T01:30:00-05:00", "2027-11-07T06:30:00Z"),
        ("2027-11-07T01:30:00-05:00", "2027-11-07T01:45:00-04:00", None),
        # And forward at 02:00 on 2027-03-14: there is nothing from two to three.
        ("2027-03-14T01:59:59-05:00", "2027-03-14T03:00:00-04:00", "2027-03-14T07:00:00Z"),
        ("2027-03-14T03:00:00-04:00", "2027-03-14T01:59:59-05:00", None),
    ],
)
def test_an_expiry_across_daylight_saving(ask: Ask, start: str, end: str, told: str | None) -> None:
    answer = ask("POST", "/api/", url="https://e.com/", starts_at=start, expires_at=end)

    if told is None:
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_LINK")
    else:
        assert answer.json()["link"]["expires_at"] == told


@pytest.mark.parametrize("url", ["data:text/html,x", "https://user:secret@e.com", "//", "{own}/x"])
def test_a_rule_whose_target_is_refused_makes_and_changes_nothing(
    service: Service, ask: Ask, make: MakeLink, url: str
) -> None:
    good = {"if": {"language": "pt"}, "url": "https://e.com/pt"}
    link = make(rules=[good])
    bad = [good, {"if": {"device": "ios"}, "url": url.format(own=service.url)}]

    made = ask("POST", "/api/", url="https://e.com/", rules=bad)
    changed = ask("PATCH", f"/api/links/{link['code']}", title="new", rules=bad)

    for answer in (made, changed):
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_URL")
        assert answer.json()["details"].startswith("rules[1].url: ")
    assert ask("GET", "/api/links").json()["links"] == [link]


def test_a_list_tells_the_visits_and_is_sorted_by_them(
    service: Service, ask: Ask, make: MakeLink
) -> None:
    none, once, often = (make()["code"] for _ in range(3))
    for code in (often, once, often, often):
        follow(service, code)
    requests.head(f"{service.url}/{once}", headers=PERSON, timeout=WAIT)
    for path in (f"/{once}+", f"/{once}/qr.svg"):
        requests.get(service.url + path, headers=PERSON, timeout=WAIT)
    location(service, f"/{once}", User_Agent="Mozilla/5.0 (compatible; Googlebot/2.1)")

    def listed() -> list[tuple[str, int, int]]:
        found = ask("GET", "/api/links?sort=-visits").json()["links"]
        return [(link["code"], link["visits"], link["bots"]) for link in found]

    eventually(lambda: listed() == [(often, 3, 0), (once, 1, 1), (none, 0, 0)])
    links = ask("GET", "/api/links?sort=last_visit_at").json()["links"]
    assert links[0]["last_visit_at"] is None
    assert [link["code"] for link in links] == [none, *_by_last(links[1:])]
    assert all(link["last_visit_at"].endswith("Z") for link in links[1:])


def _by_last(links: list[dict[str, Any]]) -> list[str]:
    return [link["code"] for link in sorted(links, key=lambda link: link["last_visit_at"])]
