"""`/console`: how its files are served."""

import gzip
import re

import pytest
from flask.testing import FlaskClient

from app.codes import accept_alias
from app.model.errors import ReservedWord
from app.routes.console import POLICY
from tests.routes.conftest import MakeClient

PACKED = {"Accept-Encoding": "gzip, br"}


def script(client: FlaskClient) -> str:
    """Return the address of the page's first module."""
    page = client.get("/console").get_data(as_text=True)
    found = re.search(r'<script type="module" src="([^"]+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/console", "/console/"])
def test_the_page_is_asked_about_each_time(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "{version}" not in answer.get_data(as_text=True)


def test_its_files_are_kept_for_a_year(client: FlaskClient) -> None:
    answer = client.get(script(client))

    assert (answer.status_code, answer.mimetype) == (200, "text/javascript")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_another_version_gets_what_there_is_and_does_not_keep_it(client: FlaskClient) -> None:
    answer = client.get("/console/another/main.js")

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")


def test_every_file_that_the_page_names_is_there_with_its_type(client: FlaskClient) -> None:
    page = client.get("/console").get_data(as_text=True)
    named = set(re.findall(r'(?:src|href)="(/console/[^"]+)"', page))
    types = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

    found = {path: client.get(path) for path in named}

    assert len(named) > 10
    for path, answer in found.items():
        expected = types[path.rpartition(".")[2]]
        assert (path, answer.status_code, answer.mimetype) == (path, 200, expected)


def test_files_are_packed_for_who_takes_that(client: FlaskClient) -> None:
    path = script(client)

    plain, packed = client.get(path), client.get(path, headers=PACKED)
    refused = client.get(path, headers={"Accept-Encoding": "gzip;q=0"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == refused.data
    assert len(packed.data) < len(plain.data)
    assert "Content-Encoding" not in refused.headers
    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert {"Accept-Encoding"} <= {each.strip() for each in packed.headers["Vary"].split(",")}


@pytest.mark.parametrize("headers", [{}, PACKED], ids=["plain", "packed"])
def test_who_has_a_file_is_told_so(client: FlaskClient, headers: dict[str, str]) -> None:
    tag = client.get("/console", headers=headers).headers["ETag"]

    answer = client.get("/console", headers={**headers, "If-None-Match": tag})

    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert not tag.startswith("W/")
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_head_tells_the_same_without_content(client: FlaskClient) -> None:
    get, head = client.get("/console"), client.head("/console")

    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    "path", ["/console/x/no.js", "/console/x/__init__.py", "/console/x/..%2fcodes.py", "/console/x"]
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.get_json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/x/main.js"])
def test_switched_off_there_is_nothing(make_client: MakeClient, path: str) -> None:
    client = make_client(CONSOLE_ENABLED="false")

    answer, unknown = client.get(path), client.get("/no/such/path")

    assert answer.status_code == unknown.status_code == 404
    assert answer.get_json() == unknown.get_json()


@pytest.mark.parametrize("alias", ["console", "Console", "CONSOLE"])
def test_no_alias_can_stand_in_its_way(alias: str) -> None:
    with pytest.raises(ReservedWord):
        accept_alias(alias)
