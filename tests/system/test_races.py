"""Many clients at once, against two workers."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

WAIT = 20.0
RACERS = 32


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    """Run two workers for the tests of this file."""
    environment = {**module_database.environment, **module_valkey.environment()}
    with Service({**environment, "WEB_CONCURRENCY": "2"}) as service:
        yield service


def race(ask: Callable[[int], requests.Response], racers: int = RACERS) -> list[requests.Response]:
    """Ask `racers` times at the same moment."""
    together = threading.Barrier(racers)

    def run(number: int) -> requests.Response:
        together.wait(WAIT)
        return ask(number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(run, range(racers)))


def create(service: Service, url: str, **headers: str) -> requests.Response:
    return requests.post(f"{service.url}/api/", json={"url": url}, headers=headers, timeout=WAIT)


def sign_up(service: Service, **body: str) -> requests.Response:
    """Sign up, and try again for as long as others' passwords take all turns."""
    deadline = time.monotonic() + WAIT
    while True:
        answer = requests.post(
            f"{service.url}/api/signup", json={"password": "secret1", **body}, timeout=WAIT
        )
        if answer.status_code != 429 or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


def statuses(answers: list[requests.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize("owned", [False, True])
def test_one_target_gets_one_code_and_one_201(service: Service, owned: bool) -> None:
    headers = {}
    if owned:
        token = sign_up(service, email=f"{uuid.uuid4()}@example.org").json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
    url = f"https://example.com/{uuid.uuid4()}"

    answers = race(lambda _: create(service, url, **headers))

    assert statuses(answers) == {201: 1, 200: RACERS - 1}
    assert len({answer.json()["short_code"] for answer in answers}) == 1


def test_spellings_of_one_target_get_one_code(service: Service) -> None:
    path = uuid.uuid4()
    spellings = ["https://example.com/", "HTTPS://Example.com/", "example.com/", "eXample.com/"]

    answers = race(lambda number: create(service, f"{spellings[number % 4]}{path}"))

    assert statuses(answers) == {201: 1, 200: RACERS - 1}
    assert len({answer.json()["short_code"] for answer in answers}) == 1


def test_every_target_of_many_gets_its_own_code(service: Service) -> None:
    path = uuid.uuid4()

    answers = race(lambda number: create(service, f"https://example.com/{path}/{number}"))

    assert statuses(answers) == {201: RACERS}
    assert len({answer.json()["short_code"] for answer in answers}) == RACERS


def test_owners_who_race_for_one_target_each_get_their_own_link(service: Service) -> None:
    tokens = [
        sign_up(service, email=f"{uuid.uuid4()}@example.org").json()["token"] for _ in range(4)
    ]
    url = f"https://example.com/{uuid.uuid4()}"

    answers = race(
        lambda number: create(service, url, Authorization=f"Bearer {tokens[number % 4]}")
    )

    assert statuses(answers) == {201: 4, 200: RACERS - 4}
    assert len({answer.json()["short_code"] for answer in answers}) == 4


def test_a_link_resolves_everywhere_the_moment_it_is_made(service: Service) -> None:
    def make_and_resolve(_number: int) -> requests.Response:
        code = create(service, f"https://example.com/{uuid.uuid4()}").json()["short_code"]
        return requests.get(f"{service.url}/api/{code}", timeout=WAIT)

    assert statuses(race(make_and_resolve, 16)) == {200: 16}


def test_one_username_goes_to_one_user(service: Service) -> None:
    name = f"name-{uuid.uuid4()}"

    answers = race(
        lambda _: sign_up(service, email=f"{uuid.uuid4()}@example.org", username=name), 12
    )

    assert statuses(answers) == {201: 1, 409: 11}
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert codes == {"USERNAME_EXISTS"}


def test_one_address_goes_to_one_user_whatever_its_case(service: Service) -> None:
    address = f"{uuid.uuid4()}@example.org"

    answers = race(
        lambda number: sign_up(service, email=address.upper() if number % 2 else address), 12
    )

    assert statuses(answers) == {201: 1, 409: 11}
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert codes == {"EMAIL_EXISTS"}


def test_a_user_who_goes_while_creating_leaves_no_500(
    service: Service, module_database: Database
) -> None:
    email = f"{uuid.uuid4()}@example.org"
    token = sign_up(service, email=email).json()["token"]

    def leave_or_create(number: int) -> requests.Response:
        if number == 0:
            with module_database.connect() as connection:
                connection.execute("UPDATE users SET deleted_at = now() WHERE email = %s", (email,))
        url = f"https://example.com/{uuid.uuid4()}"
        return create(service, url, Authorization=f"Bearer {token}")

    answers = race(leave_or_create, 16)

    assert set(statuses(answers)) <= {201, 401}
    assert answers[0].status_code == 401
