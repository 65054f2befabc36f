"""The Go service's database, brought along: its links resolve and its users log in."""

from collections.abc import Iterator

import pytest

from tests.harness.servers import Databases, migrate
from tests.harness.service import Service
from tests.storage import go_schema

LINKS = 1000


@pytest.fixture(scope="module")
def service(databases: Databases) -> Iterator[Service]:
    with databases.empty() as database:
        with database.connect() as connection:
            go_schema.create(connection)
            go_schema.add_links(connection, LINKS)
        migrate(database.environment | {"ENV": "local"})
        with Service(database.environment) as service:
            yield service


def test_every_link_resolves(service: Service) -> None:
    for number in range(1, LINKS + 1):
        answer = service.client.get(f"{service.url}/api/L{number:05}", timeout=5)
        assert answer.json()["url"] == f"https://example.com/page/{number}"


@pytest.mark.parametrize("email", [go_schema.OWNER_EMAIL, go_schema.OWNER_EMAIL.lower()])
def test_the_user_logs_in_with_the_old_password_and_sees_the_links(
    service: Service, email: str
) -> None:
    body = {"email": email, "password": go_schema.PASSWORD}
    token = service.client.post(f"{service.url}/api/login", json=body, timeout=5).json()["token"]

    bearer = {"Authorization": f"Bearer {token}"}
    urls = service.client.get(f"{service.url}/api/user/urls", headers=bearer, timeout=5).json()

    assert [url["id"] for url in urls["urls"]] == [f"L{n:05}" for n in range(LINKS, 0, -10)]
    assert urls["urls"][0] == {
        "id": "L01000",
        "url": "https://example.com/page/1000",
        "created_at": "2024-01-01T00:16:40Z",
    }


def test_the_old_link_is_found_again_by_its_owner(service: Service) -> None:
    body = {"email": go_schema.OWNER_EMAIL, "password": go_schema.PASSWORD}
    token = service.client.post(f"{service.url}/api/login", json=body, timeout=5).json()["token"]

    answer = service.client.post(
        f"{service.url}/api/",
        json={"url": "https://EXAMPLE.com/page/10"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )

    assert (answer.status_code, answer.json()["short_code"]) == (200, "L00010")
