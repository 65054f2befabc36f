"""`/api/docs`: each request can be copied as it is, and is answered as it says."""

import gzip
import html
import itertools
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # has no types of its own
import pytest
import requests
from flask.testing import FlaskClient

from app.routes.openapi import document
from app.routes.openapi.example_values import CODE, EMAIL, ID, PASSWORD, VALUES
from app.routes.openapi.requests import BASE
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.routes.conftest import MakeClient

DOCUMENT = document()
SECTION = re.compile(
    r'<section id="(\w+)">\n<h3>.*?<code class="request">(.*?)</code>.*?<code>(.*?)</code>',
    re.DOTALL,
)
OPERATIONS = {
    operation["operationId"]: operation
    for item in DOCUMENT["paths"].values()
    for operation in item.values()
}
FILE = b'{"code": "brought", "url": "https://example.org/brought"}\n'
MADE: dict[str, tuple[dict[str, Any], str]] = {
    "/api/keys": ({"name": "of a test", "scopes": ["links:read"]}, "key"),
    "/api/imports": ({"format": "jsonl", "size": len(FILE)}, "import"),
}
"""By collection: what has an id that a request may be about."""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Example:
    """What the page shows of an operation."""

    request: str
    answer: str

    @property
    def status(self) -> int:
        return int(self.answer[:3])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.answer.partition("\n\n")[0].splitlines()[1:]
        return dict(line.split(": ", 1) for line in lines)

    @property
    def body(self) -> str:
        return self.answer.partition("\n\n")[2]


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    """Run the service that all examples are sent to."""
    with Service({**module_database.environment, **module_valkey.environment()}) as service:
        yield service


@pytest.fixture(scope="module")
def examples(service: Service) -> dict[str, Example]:
    """Read the page as it is served."""
    page = service.client.get(f"{service.url}/api/docs").text
    found = SECTION.findall(page)
    return {name: Example(*map(html.unescape, shown)) for name, *shown in found}


@dataclass(frozen=True)
class Reader:
    """Somebody who has an account and a link, and puts both into what they copy."""

    service: Service
    email: str
    token: str
    code: str

    def send(self, command: str) -> requests.Response:
        """Do what curl would do."""
        mine = {CODE: self.code, EMAIL: self.email, "$TOKEN": self.token, ID: self._own(command)}
        for shown, own in mine.items():
            command = command.replace(shown, own)
        program, *words = shlex.split(command.replace("\\\n", " "))
        assert program == "curl"
        method, headers, data, url = None, {}, None, ""
        while words:
            match words.pop(0):
                case "-X":
                    method = words.pop(0)
                case "-I":
                    method = "HEAD"
                case "-H":
                    name, _, value = words.pop(0).partition(": ")
                    headers[name] = value
                case "-d":
                    data = words.pop(0).encode()
                case "--data-binary":
                    words.pop(0)
                    data = FILE
                case "-o":
                    words.pop(0)
                case "-i":
                    pass
                case address:
                    assert not url
                    url = address
        assert not [value for value in headers.values() if not value], "a header without a value"
        method = method or ("GET" if data is None else "POST")
        return self.service.client.request(
            method, url, headers=headers, data=data, allow_redirects=False, timeout=20
        )

    def _own(self, command: str) -> str:
        """Make whatever else of the reader's a request is about, and return its id."""
        for collection, (body, name) in MADE.items():
            if f"{self.service.url}{collection}/" in command:
                bearer = {"Authorization": f"Bearer {self.token}"}
                address = f"{self.service.url}{collection}"
                made = self.service.client.post(address, json=body, headers=bearer).json()
                found: str = made[name]["id"]
                return found
        return ID


@pytest.fixture
def reader(service: Service) -> Reader:
    """Sign somebody up and shorten the target of the examples for them."""
    number = next(_numbers)
    user = {"email": f"reader-{number}@example.org", "password": PASSWORD}
    signed_up = service.client.post(f"{service.url}/api/signup", json=user).json()
    link = {"url": VALUES["url"], "title": "Offers", "tags": VALUES["LinkBody.tags"]}
    bearer = {"Authorization": f"Bearer {signed_up['token']}"}
    created = service.client.post(f"{service.url}/api/", json=link, headers=bearer).json()
    return Reader(service, user["email"], signed_up["token"], created["short_code"])


def shape(value: Any, beside: Any) -> Any:
    """Return names and kinds of a value; what is empty or null beside it may be anything."""
    if value is None or beside is None or not value or not beside:
        return "anything"
    if isinstance(value, dict) and isinstance(beside, dict):
        return {
            name: each if name == "message" else shape(each, beside.get(name, "missing"))
            for name, each in value.items()
        }
    if isinstance(value, list) and isinstance(beside, list):
        return [shape(value[0], beside[0])]
    return type(value)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_example_is_answered_as_it_says(
    examples: dict[str, Example], reader: Reader, name: str
) -> None:
    example = examples[name]
    if name == "signUp":
        reader = Reader(reader.service, f"new-{reader.email}", "", "")
        example = Example(example.request.replace('"ana"', f'"{reader.email}"'), example.answer)

    answer = reader.send(example.request)

    assert answer.status_code == example.status, answer.text
    for header, value in example.headers.items():
        assert header in answer.headers
        if header == "Content-Type":
            assert answer.headers[header].partition(";")[0] == value
    if example.headers.get("Content-Type") == "application/json" and example.body:
        shown, told = json.loads(example.body), answer.json()
        assert shape(shown, told) == shape(told, shown)
    elif example.body:
        assert answer.text.splitlines()[0] == example.body.splitlines()[0]


def test_every_operation_has_its_request_and_its_answer(examples: dict[str, Example]) -> None:
    assert set(examples) == set(OPERATIONS)


def test_requests_go_to_the_service_itself(service: Service, examples: dict[str, Example]) -> None:
    assert {f"'{service.url}/" in each.request for each in examples.values()} == {True}


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_token_is_put_where_the_requests_look_for_it(service: Service, reader: Reader) -> None:
    page = service.client.get(f"{service.url}/api/docs").text
    found = re.search(r'id="begin".*?<code class="request">(.*?)</code>', page, re.DOTALL)
    assert found is not None
    command = html.unescape(found[1]).replace(EMAIL, reader.email)

    ran = subprocess.run(
        ["sh", "-c", f'{command}\nprintf %s "$TOKEN"'],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip

    own = {"Authorization": f"Bearer {ran.stdout}"}
    assert service.client.get(f"{service.url}/api/user/urls", headers=own).status_code == 200


@pytest.mark.parametrize("name", OPERATIONS)
def test_examples_are_what_their_schemas_ask_for(name: str) -> None:
    operation = OPERATIONS[name]
    contents = [operation.get("requestBody", {}).get("content", {})]
    contents += [each.get("content", {}) for each in operation["responses"].values()]
    for described in itertools.chain.from_iterable(each.values() for each in contents):
        if "example" in described:
            schema = {**described["schema"], "components": DOCUMENT["components"]}
            jsonschema.Draft202012Validator(
                schema, format_checker=jsonschema.FormatChecker()
            ).validate(described["example"])


def test_the_address_is_the_one_that_the_service_is_known_by(make_client: MakeClient) -> None:
    client = make_client(PUBLIC_BASE_URL="https://fonseca.so")

    page = client.get("/api/docs", headers={"Host": "10.0.0.7:8080"}).get_data(as_text=True)

    assert "https://fonseca.so/api/links" in page
    assert "10.0.0.7" not in page
    assert BASE not in page


@pytest.mark.parametrize("host", ["a';id;'", "<b>", "$(id)", "a b", "`id`", 'a"b', "e.com/x"])
def test_nothing_that_a_shell_or_a_browser_obeys_comes_from_a_host(
    client: FlaskClient, host: str
) -> None:
    page = client.get("/api/docs", headers={"Host": host}).get_data(as_text=True)

    assert f"//{host}" not in html.unescape(page)
    assert BASE not in page


@pytest.mark.parametrize("path", ["/api/docs", "/api/openapi.json"])
def test_who_takes_it_packed_gets_a_tenth(client: FlaskClient, path: str) -> None:
    plain = client.get(path, headers={"Accept-Encoding": "br, gzip;q=0"})
    packed = client.get(path, headers={"Accept-Encoding": "gzip, br"})

    again = client.get(
        path,
        headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]},
    )
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < 40_000
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert {each.headers.getlist("Vary")[0] for each in (plain, packed)} == {"Accept-Encoding"}
    assert (again.status_code, again.data) == (304, b"")


def test_each_address_has_a_tag_of_its_own(client: FlaskClient) -> None:
    tags = {
        client.get("/api/docs", headers={"Host": host}).headers["ETag"] for host in ("a.io", "b.io")
    }

    assert len(tags) == 2
