"""What other shorteners get wrong with targets: rows 3 to 12 and 20 of the list of faults."""

import uuid
from collections.abc import Iterator

import pytest

from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.system.wire import ask, create


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    """Run one service for the tests of this file; afterwards it must not have spoken of a fault."""
    environment = {**module_database.environment, **module_valkey.environment()}
    with Service({**environment, "PUBLIC_BASE_URL": "https://s.example"}) as service:
        yield service
        assert "Traceback" not in service.stdout + service.stderr


def location(service: Service, url: str) -> str:
    """Create a link and return where it leads."""
    created = create(service, url)
    assert created.status in {200, 201}, created
    answer = ask(service, "GET", f"/{created.json['short_code']}")
    assert answer.status == 302
    return answer.headers["location"]


def test_row_3_a_path_beyond_latin_1(service: Service) -> None:
    assert location(service, "https://e.com/日本") == "https://e.com/%E6%97%A5%E6%9C%AC"


def test_row_4_an_international_host(service: Service) -> None:
    assert location(service, "http://президент.рф/") == "http://xn--d1abbgf6aiiy.xn--p1ai/"


@pytest.mark.parametrize(
    "url", ["https://e.com/?abc#123", "https://e.com/?b&a#?/", "https://e.com#"]
)
def test_row_5_query_and_fragment_stay(service: Service, url: str) -> None:
    assert location(service, url) == url


@pytest.mark.parametrize("query", ["?5=x", "?a=%2B", "?q=%27%25x%25%27", "?a=+&a=%20&&", "?%e9"])
def test_row_6_encodings_stay(service: Service, query: str) -> None:
    assert location(service, f"https://e.com/{query}") == f"https://e.com/{query}"


@pytest.mark.parametrize(
    "url", ["http://e.com:7/", "https://[2001:db8::1]/", "http://[::1.2.3.4]:7"]
)
def test_row_7_ports_and_ipv6(service: Service, url: str) -> None:
    assert location(service, url) == url


def test_row_8_a_target_without_scheme_is_no_relative_redirect(service: Service) -> None:
    assert location(service, "row-8.com/x") == "https://row-8.com/x"


def test_row_8_nor_is_one_that_an_earlier_service_stored(
    service: Service, module_database: Database
) -> None:
    with module_database.connect() as connection:
        connection.execute("INSERT INTO urls (id, original_url) VALUES ('oldOld', 'old.com/x y')")

    answer = ask(service, "GET", "/oldOld")

    assert (answer.status, answer.headers["location"]) == (302, "https://old.com/x%20y")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "ftp://e.com", "JAVASCRIPT://e.com/%0a"]
)
def test_row_9_schemes_that_are_not_the_webs(service: Service, url: str) -> None:
    answer = create(service, url)

    assert (answer.status, answer.json["code"]) == (400, "INVALID_URL")


@pytest.mark.parametrize(
    "url",
    [
        "https://g.com/\rX-Test: 1",
        "https://g.com/\r\n\r\n<script>",
        "https://g.com/\n",
        "\thttps://g.com",
    ],
)
def test_row_10_no_header_can_be_injected_by_a_new_link(service: Service, url: str) -> None:
    answer = create(service, url)

    assert (answer.status, answer.json["code"]) == (400, "INVALID_URL")


def test_row_10_nor_by_one_that_an_earlier_service_stored(
    service: Service, module_database: Database
) -> None:
    with module_database.connect() as connection:
        connection.execute(
            "INSERT INTO urls (id, original_url) VALUES ('injEct', %s)",
            ("https://g.com/\r\nX-Test: 1",),
        )

    answer = ask(service, "GET", "/injEct")

    assert answer.headers["location"] == "https://g.com/%0D%0AX-Test:%201"
    assert "x-test" not in answer.headers


def test_row_11_a_target_longer_than_an_index_takes(service: Service) -> None:
    # Random, so that no compression saves a B-tree.
    url = "https://e.com/" + "".join(uuid.uuid4().hex for _ in range(250))

    assert location(service, url) == url


def test_row_11_a_target_over_the_limit(service: Service) -> None:
    answer = create(service, "https://e.com/" + "x" * 8_200)

    assert (answer.status, answer.json["code"]) == (400, "INVALID_URL")


def test_row_12_a_double_click_makes_one_link(service: Service) -> None:
    url = f"https://e.com/{uuid.uuid4()}"

    first, second = create(service, url), create(service, url)

    assert (first.status, second.status) == (201, 200)
    assert first.json["short_code"] == second.json["short_code"]


@pytest.mark.parametrize(
    "url",
    [
        "https://s.example/abcdef",
        "S.EXAMPLE./x",
        "http://s.example:80/",
        "https://s.example:00443/",
        "http://s%2Eexample/",
        "https://x@s.example/",
        "http://127.0.0.1:{port}/abcdef",
        "http://127.1:{port}/abcdef",
        "http://0x7f.0.0.1:{port}/",
        "http://127.0.0.1:0{port}/",
    ],
)
def test_row_20_a_link_to_ourselves(service: Service, url: str) -> None:
    answer = create(service, url.format(port=service.port))

    assert (answer.status, answer.json["code"]) == (400, "INVALID_URL")
