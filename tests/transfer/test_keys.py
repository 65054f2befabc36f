"""Keys that export and import: each does what its scope says, and no more than its tag."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.access.conftest import MakePerson, Person, make_person, person  # noqa: F401
from tests.routes.conftest import app, client, environment  # noqa: F401
from tests.transfer.uploading import Headers, begin, export, send, upload


def bearer(secret: str) -> Headers:
    return {"Authorization": f"Bearer {secret}"}


def lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def own(person: Person, name: str) -> str:  # noqa: F811
    """Return a code of this test: the file's tests share a database."""
    return f"{name}-{person.id[:8]}"


def codes(content: bytes) -> list[str]:
    return [json.loads(line)["code"] for line in content.splitlines()]


@pytest.fixture
def tagged(person: Person) -> str:  # noqa: F811
    """Make links with a tag, without it, and a deleted one; return a key limited to the tag."""
    person.link(url="https://e.com/1", alias=own(person, "in-tag"), tags=["Shop", "other"])
    person.link(url="https://e.com/2", alias=own(person, "out-of-tag"), tags=["other"])
    person.link(url="https://e.com/3", alias=own(person, "deleted"), tags=["Shop"])
    person.ask("DELETE", f"/api/links/{own(person, 'deleted')}")
    return person.key("links:read", "links:write", tag="shop")


def test_a_limited_key_exports_what_has_its_tag(
    client: FlaskClient,  # noqa: F811
    person: Person,  # noqa: F811
    tagged: str,
) -> None:
    assert codes(export(client, bearer(tagged))) == [own(person, "in-tag")]
    assert len(codes(export(client, bearer(person.token)))) == 3


def test_a_limited_key_whose_tag_nobody_has_exports_nothing(
    client: FlaskClient,  # noqa: F811
    person: Person,  # noqa: F811
) -> None:
    person.link(url="https://e.com/1", title="t")

    assert export(client, bearer(person.key(tag="nobody"))) == b""


def test_what_a_limited_key_imports_gets_its_tag(
    client: FlaskClient,  # noqa: F811
    person: Person,  # noqa: F811
    tagged: str,
) -> None:
    content = lines(
        {"code": own(person, "new-one"), "url": "https://e.com/4"},
        {"code": own(person, "new-two"), "url": "https://e.com/5", "tags": ["SHOP"]},
        {"code": own(person, "in-tag"), "url": "https://e.com/1"},
        {"code": own(person, "out-of-tag"), "url": "https://e.com/2"},
        {"code": own(person, "deleted"), "url": "https://e.com/3"},
    )

    done = upload(client, bearer(tagged), content, "jsonl")

    tags = {
        code: person.ask("GET", f"/api/links/{own(person, code)}").get_json()["tags"]
        for code in ("new-one", "new-two", "out-of-tag")
    }
    assert (done["links"], done["unchanged"], done["refused"]) == (2, 1, 2)
    assert [len(tags["new-one"]), len(tags["new-two"])] == [1, 1]
    assert tags["out-of-tag"] == ["other"]


def test_a_limited_key_sees_its_own_imports_alone(
    client: FlaskClient,  # noqa: F811
    person: Person,  # noqa: F811
    tagged: str,
) -> None:
    content = lines({"code": "of-token", "url": "https://e.com"})
    of_token = begin(client, bearer(person.token), content, "jsonl")
    of_key = begin(client, bearer(tagged), content, "jsonl")

    seen = client.get("/api/imports", headers=bearer(tagged)).get_json()["imports"]
    statuses = [
        client.get(f"/api/imports/{of_token['id']}", headers=bearer(tagged)).status_code,
        send(client, bearer(tagged), of_token["id"], 0, content).status_code,
        client.get(f"/api/imports/{of_key['id']}", headers=bearer(person.token)).status_code,
    ]

    assert [each["id"] for each in seen] == [of_key["id"]]
    assert statuses == [404, 404, 200]


@pytest.mark.parametrize(
    ("scope", "statuses"), [("links:read", [200, 403]), ("links:write", [403, 200])]
)
def test_each_needs_its_scope(
    client: FlaskClient,  # noqa: F811
    person: Person,  # noqa: F811
    scope: str,
    statuses: list[int],
) -> None:
    key = bearer(person.key(scope))

    answers = [client.get(path, headers=key) for path in ("/api/export", "/api/imports")]

    assert [answer.status_code for answer in answers] == statuses


def test_a_deleted_account_has_no_imports(
    client: FlaskClient,  # noqa: F811
    person: Person,  # noqa: F811
) -> None:
    content = lines({"code": "too-late", "url": "https://e.com"})
    begun = begin(client, bearer(person.token), content, "jsonl")

    deleted = person.ask("DELETE", "/api/account", json={"password": "secret1", "links": "keep"})

    answer = send(client, bearer(person.token), begun["id"], 0, content)
    assert (deleted.status_code, answer.status_code) == (204, 401)
