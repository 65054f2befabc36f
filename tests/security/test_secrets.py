"""Secrets stay where they belong: not in logs, errors, probes or the list of processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from local.ports import free_port
from tests.conftest import StartService
from tests.harness.servers import ROOT, Database, Valkey
from tests.harness.service import Service
from tests.security.wire import Asker, exchange

SETTINGS = {
    "JWT_SECRET": "jwt-Zq81-never-seen-0123456789abcdef",
    "REDIS_PASSWORD": "redis-Zq82-never-seen",
    "POSTGRES_PASSWORD": "postgres-Zq83-never-seen",
}
SENT = {
    "password": "password-Zq84-never-seen",
    "query": "query-Zq85-never-seen",
    "header": "header-Zq86-never-seen",
    "wire": "wire-Zq87-never-seen",
}
MARK = "Zq8"
"""In every secret of this file, and nowhere else."""


def talk(service: Service) -> tuple[str, str]:
    """Use every secret rightly and wrongly; return what was answered, and a token that worked."""
    url, client = service.url, service.client
    account = {"email": "secrets@example.org", "password": SENT["password"]}
    signed_up = client.post(f"{url}/api/signup", json=account, timeout=20)
    token = signed_up.json().get("token", "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJlLVpxODg")
    bearer = {"Authorization": f"Bearer {token}"}
    answers = [
        client.post(f"{url}/api/signup", json=account, timeout=20),
        client.post(f"{url}/api/login", json={**account, "email": "x@example.org"}, timeout=20),
        client.post(f"{url}/api/login", data=f'{{"password": {SENT["password"]}', timeout=20),
        client.post(f"{url}/api/signup", json={**account, "username": 1}, timeout=20),
        client.post(f"{url}/api/", json={"url": f"https://:{SENT['query']}@e.com"}, timeout=20),
        client.get(f"{url}/api/user/urls?key={SENT['query']}", headers=bearer, timeout=20),
        client.get(f"{url}/no/where?key={SENT['query']}", timeout=20),
        client.get(f"{url}/zzzzzz?token={token}", headers={"Accept": "text/html"}, timeout=20),
        client.get(f"{url}/api/user/urls", headers={"Authorization": SENT["header"]}, timeout=20),
        client.get(f"{url}/healthz", headers={"Cookie": SENT["header"]}, timeout=20),
        client.get(f"{url}/api/health", headers={"X-Api-Key": SENT["header"]}, timeout=20),
        client.get(f"{url}/metrics", timeout=20),
    ]
    # This one gets back where it leads: that is what it asked for.
    client.post(f"{url}/api/", json={"url": f"https://e.com/?k={SENT['query']}"}, timeout=20)
    wire = f"GET /{SENT['wire']} HTTP/1.1\r\nX {SENT['wire']}\r\n\r\n".encode()
    spoken = "".join(answer.text + str(answer.headers) for answer in answers)
    return spoken + str(exchange(service, wire)), token


@pytest.mark.parametrize("broken", ["nothing", "stores"])
def test_neither_answers_nor_logs_hold_a_secret(
    start_service: StartService,
    attacked_database: Database,
    shared_valkey: Valkey,
    broken: str,
) -> None:
    environment = {**attacked_database.environment, **shared_valkey.environment()}
    if broken == "stores":
        away = {"POSTGRES_PORT": str(free_port()), "REDIS_ADDR": f"127.0.0.1:{free_port()}"}
        environment.update(SETTINGS, **away)
    environment["JWT_SECRET"] = SETTINGS["JWT_SECRET"]
    service = start_service({**environment, "LOG_LEVEL": "debug"})

    answers, token = talk(service)
    service.stop()

    logs = service.stdout + service.stderr
    assert "Request completed" in logs
    assert MARK not in answers
    assert MARK not in logs
    for part in token.split("."):
        assert len(part) < 20 or part not in logs  # three characters are in any log by chance


def test_the_list_of_processes_holds_no_secret(attacked: Service) -> None:
    # Their environment does, readable by the same user and root alone: see docs/security.md.
    for pid in (attacked.process.pid, *attacked.workers):
        command = Path(f"/proc/{pid}/cmdline").read_text()
        title = Path(f"/proc/{pid}/comm").read_text()
        for name, value in attacked.environment.items():
            if "SECRET" in name or ("PASSWORD" in name and value):
                assert value not in command + title
        assert Path(f"/proc/{pid}/environ").stat().st_mode & 0o077 == 0


def test_healthz_tells_names_and_yes_or_no(attacked: Service) -> None:
    body = requests.get(f"{attacked.url}/healthz", timeout=20).json()

    names = {name for name, value in body.items() if isinstance(value, str)}
    assert names == {"status", "service_name", "environment"}


@pytest.mark.parametrize("name", [*SETTINGS, "POSTGRES_HOST", "REDIS_ADDR", "RATE_LIMIT"])
def test_a_start_that_is_refused_shows_no_secret(name: str) -> None:
    wrong = {
        "ENV": "production",
        "JWT_SECRET": "Zq81-short",
        "POSTGRES_HOST": "user:Zq83-never-seen@host",
        "REDIS_ADDR": "redis://:Zq82-never-seen@host:6379",
        "RATE_LIMIT": "x",
        name: "x:Zq89-never-seen@\\",
    }

    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "app.wsgi:app"],
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **wrong},
    )

    assert done.returncode != 0
    assert "RATE_LIMIT" in done.stderr
    assert MARK not in done.stdout + done.stderr


def test_an_error_repeats_nothing_of_a_body(attacked: Service) -> None:
    with Asker(attacked) as asker:
        for path in (b"/api/", b"/api/login", b"/api/signup"):
            for body in (b'{"Zq84":1}', b'{"url":{"Zq84":1}}', b"Zq84", b'{"password":"Zq84"}'):
                assert MARK.encode() not in asker.ask(b"POST", path, [], body).body
