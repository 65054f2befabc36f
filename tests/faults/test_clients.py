"""Hundreds of connections that send nothing, or a byte a second: others do not notice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.clients import IdleClients, SlowClients, answers
from tests.faults.load import Load, mistaken
from tests.harness.room import MACHINE, usual
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

CROWD = 200
PROMPT = 2.0
"""Seconds: with a thread taken by each silent client it was minutes."""

HEAD = b"POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
WITH_LENGTH = HEAD + b"Content-Length: 60\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n30\r\n"
BODY = b'{"url":"https://example.com/slowly"}' + b" " * 40


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    settings = {**module_database.environment, **module_valkey.environment()}
    with Service({**settings, "WEB_CONCURRENCY": "2"}) as service:
        yield service


def assert_unharmed(service: Service, load: Load) -> None:
    assert load.bad() == []
    assert usual(one.seconds for one in load.exchanges) < PROMPT
    assert max(one.seconds for one in load.exchanges) < PROMPT + MACHINE
    assert mistaken(service.url, load.told) == []


def test_idle_connections_cost_nobody_anything(service: Service) -> None:
    with IdleClients(service.port, CROWD), Load(service.url) as load:
        load.await_good(200)
        load.stop()
        assert_unharmed(service, load)


def test_a_byte_a_second_costs_nobody_anything(service: Service) -> None:
    with ExitStack() as stack:
        crowds = [
            stack.enter_context(SlowClients(service.port, count, at_once=at_once, slowly=slowly))
            for count, at_once, slowly in (
                (CROWD, b"", HEAD * 2),
                (CROWD // 4, WITH_LENGTH, BODY),
                (CROWD // 4, CHUNKED, BODY),
            )
        ]
        load = stack.enter_context(Load(service.url, 2, pause=0.01))
        begun = time.monotonic()
        said = answers([wire for crowd in crowds for wire in crowd.sockets], 25 + MACHINE)
        seconds = time.monotonic() - begun
        load.await_good(20)
        load.stop()
        assert_unharmed(service, load)

    # Ten seconds are enough for anyone, and whoever takes longer is told.
    assert {answer.split(b"\r\n")[0] for answer in said} == {b"HTTP/1.1 408 Request Timeout"}
    bodies = {answer.split(b"\r\n\r\n")[1] for answer in said}
    assert {json.loads(body)["code"] for body in bodies} == {"REQUEST_TIMEOUT"}
    assert 9 < seconds < 20 + MACHINE
    service.await_record(lambda record: "answered 408" in record["msg"])


def test_more_idle_connections_than_files(module_database: Database, module_valkey: Valkey) -> None:
    """The oldest idle ones make room; nobody waits for them to time out."""
    settings = {**module_database.environment, **module_valkey.environment()}
    few = ("--worker-connections", "60")
    with Service(settings, arguments=few) as service, IdleClients(service.port, CROWD):
        with Load(service.url) as load:
            load.await_good(100)
        assert_unharmed(service, load)
        service.await_record(lambda record: "idle ones are closed" in record["msg"])
