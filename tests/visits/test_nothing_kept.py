"""After a run no address, user agent or whole referrer is in a table, a file or a Redis key."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.conftest import StartService
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.harness.sinks import eventually

ADDRESS, SIXTH = "203.0.113.77", "2001:db8:77aa:1:cafe::77"
AGENT = "Mozilla/5.0 (Zyxomma; rv:77.7) Quillwort/77.7"
REFERRER = "https://referrer.example/private/of-somebody?session=s3cr3tzyx"
SECRETS = tuple(
    text.encode()
    for text in (
        ADDRESS,
        SIXTH,
        "2001:db8:77aa",
        "Zyxomma",
        "Quillwort",
        "of-somebody",
        "s3cr3tzyx",
    )
)
PASSWORD = "a-password-of-the-tests"


def _create(service: Service) -> list[str]:
    """Make a plain link and a limited one; who makes links is known for two hours (moderation)."""
    headers = {"X-Forwarded-For": "198.51.100.5"}
    limited = {"url": "https://example.com/", "max_visits": 100}
    made = [
        requests.post(f"{service.url}/api/", json=body, headers=headers, timeout=20)
        for body in (limited, {"url": "https://example.com/plain"})
    ]
    return [answer.json()["short_code"] for answer in made]


def _visit(service: Service, codes: list[str], address: str) -> int:
    """Follow the links on both ways, log in with no success, miss; return how many visits."""
    headers = {"X-Forwarded-For": address, "User-Agent": AGENT, "Referer": REFERRER}
    ways = [f"{prefix}/{code}" for code in [*codes, *codes] for prefix in ("", "/api")]
    for path in ways:
        answer = requests.get(
            service.url + path, headers=headers, allow_redirects=False, timeout=20
        )
        assert answer.status_code in {200, 302}
    account = {"email": "nobody@example.com", "password": PASSWORD}
    for answer in (
        requests.post(f"{service.url}/api/login", json=account, headers=headers, timeout=20),
        requests.get(f"{service.url}/api/user/urls", headers=headers, timeout=20),
    ):
        assert answer.status_code == 401
    requests.get(f"{service.url}/zzzzzz", headers=headers, timeout=20)
    return len(ways)


def _found(text: bytes) -> list[str]:
    return [secret.decode() for secret in SECRETS if secret in text]


def _files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file, file.read_bytes()


def test_nothing_of_a_visitor_is_found_anywhere(
    start_service: StartService, own_database: Database, own_valkey: Valkey
) -> None:
    service = start_service(
        {
            **own_database.environment,
            **own_valkey.environment(),
            "TRUSTED_PROXIES": "1",
            "RATE_LIMIT_ENABLED": "true",
        }
    )
    codes = _create(service)
    visits = _visit(service, codes, ADDRESS) + _visit(service, codes, SIXTH)
    with own_database.connect() as connection:
        counted = b"SELECT sum(visits + bots) FROM link_counts"
        eventually(lambda: connection.execute(counted).fetchone() == (visits,))
        assert connection.execute(b"SELECT count(*) FROM visitor_hashes").fetchone() != (0,)
    reports = Path(tempfile.gettempdir(), f"shortener-{service.port}")
    kept = dict(_files(reports))

    with own_valkey.connect() as client:
        keys: list[bytes] = list(client.scan_iter(count=1000))
        assert any(b"limit" in key for key in keys)
        values = [client.dump(key) or b"" for key in keys]
    assert [key for key in keys if _found(key)] == []
    assert [_found(value) for value in values if _found(bytes(value))] == []
    assert kept
    assert [str(file) for file, text in kept.items() if _found(text)] == []

    service.stop()
    # What is in memory goes to its files: tables, indexes, the log of changes.
    own_database.server.stop()
    own_valkey.stop()
    for folder in (own_database.server.folder, own_valkey.folder):
        searched = list(_files(folder))
        assert searched
        found = {file.name: _found(text) for file, text in searched if _found(text)}
        assert found == {}
