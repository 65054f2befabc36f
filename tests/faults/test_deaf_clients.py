"""Clients that do not read their answers: others do not notice, and they are cut off in time."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.server.client_socket import CONTENDED_WRITE_WAIT, WRITE_WAIT
from local.ports import LOOPBACK
from tests.conftest import StartService
from tests.faults.clients import DeafClients
from tests.faults.load import Load, mistaken
from tests.faults.long_answers import LARGE, SMALLER
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.harness.sinks import eventually
from tests.security.wire import Wire

CUT = "Answers are not read in time: cut off"
PROMPT = 10.0
"""Seconds, on a busy machine; where a thread waited for each deaf client it was for ever."""
ROOM = 25.0
"""Seconds that a busy machine may add to what is configured."""
DRAIN = 30.0
"""Seconds after which a stopping worker cuts off whatever is left (gunicorn.conf.py)."""
NO_DATABASE = {"POSTGRES_HOST": "none.invalid"}


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.fixture(scope="module")
def service(module_database: Database, module_valkey: Valkey) -> Iterator[Service]:
    settings = {**module_database.environment, **module_valkey.environment()}
    with Service({**settings, "WEB_CONCURRENCY": "2"}) as service:
        yield service


@pytest.fixture(scope="module")
def long_answers() -> Iterator[Service]:
    with Service(NO_DATABASE, app="tests.faults.long_answers:app") as service:
        yield service


def cuts(service: Service) -> float:
    """Return how many answers were cut, as the service's own metric says."""
    # Each time from another worker, perhaps.
    alone = {"Connection": "close"}
    text = service.client.get(f"{service.url}/metrics", headers=alone, timeout=10).text
    lines = text.splitlines()
    cause = 'shortener_connection_cause="answer_unread"'
    counted = [line for line in lines if line.startswith("shortener_connections_ended_early")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in counted if cause in line)


def test_asking_again_and_again_without_reading_costs_nobody_anything(service: Service) -> None:
    kinds = {get("/healthz"): 6, get("/healthz", "HEAD"): 1, get("/no/where"): 1}
    with ExitStack() as stack:
        crowds = [
            stack.enter_context(DeafClients(service.port, count, kind))
            for kind, count in kinds.items()
        ]
        load = stack.enter_context(Load(service.url, 2, pause=0.01))
        eventually(lambda: all(crowd.cut for crowd in crowds), WRITE_WAIT + ROOM)
        load.await_good(20)
        load.stop()

    assert load.bad() == []
    assert max(one.seconds for one in load.exchanges) < PROMPT
    assert mistaken(service.url, load.told) == []
    service.await_record(lambda record: record["msg"] == CUT)
    eventually(lambda: cuts(service) > 0)


def test_many_deaf_clients_leave_room_for_others(service: Service) -> None:
    with DeafClients(service.port, 300, get("/api/openapi.json"), times=40):
        with Load(service.url, 2) as load:
            load.await_good(100)
        assert load.bad() == []
        assert max(one.seconds for one in load.exchanges) < PROMPT


@pytest.mark.parametrize("path", ["/large", "/chunks"])
def test_one_long_answer_holds_a_thread_only_so_long(long_answers: Service, path: str) -> None:
    """More of them than threads: whoever comes next waits for one to be cut off."""
    with DeafClients(long_answers.port, 8, get(path), times=1) as deaf:
        with Wire(long_answers, wait=WRITE_WAIT + ROOM) as wire:
            wire.send(get("/"))
            answer = wire.answer()
        eventually(lambda: deaf.cut >= 1, WRITE_WAIT + ROOM)

    assert answer is not None
    assert answer.body == b"xxxxx"


@pytest.mark.parametrize("path", ["/large", "/chunks", "/smaller"])
def test_a_byte_now_and_then_gives_nobody_more_time(long_answers: Service, path: str) -> None:
    with DeafClients(long_answers.port, 2, get(path), times=1, drips=True) as dripping:
        eventually(lambda: dripping.cut >= 2, WRITE_WAIT + ROOM)


def test_an_error_is_not_waited_for_either(long_answers: Service) -> None:
    """gunicorn's own answers come behind what the client has not read."""
    broken = get("/smaller") + b"NONSENSE\r\n\r\n"
    with DeafClients(long_answers.port, 2, broken, times=1) as deaf:
        eventually(lambda: deaf.cut >= 2, WRITE_WAIT + ROOM)


def test_answers_that_can_be_held_hold_no_thread(long_answers: Service) -> None:
    before = cut_lines(long_answers)
    with DeafClients(long_answers.port, 12, get("/smaller"), times=1), Wire(long_answers) as wire:
        wire.send(get("/"))
        answer = wire.answer()
        after = cut_lines(long_answers)

    assert answer is not None
    assert after == before  # it had not to wait for anybody's end


def test_deaf_clients_make_room_when_connections_are_scarce(start_service: StartService) -> None:
    few = ("--worker-connections", "40")
    service = start_service(NO_DATABASE, app="tests.faults.long_answers:app", arguments=few)
    with DeafClients(service.port, 60, get("/smaller"), times=1) as deaf:
        with Wire(service, wait=CONTENDED_WRITE_WAIT + ROOM) as wire:
            wire.send(get("/"))
            assert wire.answer() is not None
        # The clients' thread sees it when it next comes to that connection.
        eventually(lambda: deaf.cut > 0)


def cut_lines(service: Service) -> int:
    return sum(record["msg"] == CUT for record in service.records)


@pytest.mark.parametrize("path", ["/large", "/chunks", "/smaller"])
def test_who_reads_slowly_but_reads_gets_everything(long_answers: Service, path: str) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, long_answers.port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    size = 0
    while piece := answer.read(1 << 18):
        size += len(piece)
        time.sleep(0.01)  # being slow is the thing under test
    connection.request("GET", "/")
    following = connection.getresponse().read()
    connection.close()

    assert size == (SMALLER if path == "/smaller" else LARGE)
    assert following == b"xxxxx"


def test_answers_keep_their_order_and_an_error_comes_behind_them(long_answers: Service) -> None:
    with Wire(long_answers) as wire:
        wire.send(get("/smaller") * 3 + b"NONSENSE\r\n\r\n")
        answers = wire.answers()

    assert [(answer.status, len(answer.body)) for answer in answers[:3]] == [(200, SMALLER)] * 3
    assert [answer.status for answer in answers[3:]] == [400]


@pytest.mark.parametrize("path", ["/", "/smaller", "/large", "/chunks"])
def test_deaf_clients_do_not_hold_the_end(start_service: StartService, path: str) -> None:
    service = start_service(NO_DATABASE, app="tests.faults.long_answers:app")
    with DeafClients(service.port, 3, get(path)) as deaf:
        eventually(lambda: len(deaf.blocked) == 3)
        begun = time.monotonic()
        assert service.stop() == 0
        seconds = time.monotonic() - begun

    assert seconds < CONTENDED_WRITE_WAIT + ROOM < DRAIN


def test_who_does_not_close_after_the_last_answer_holds_nobody(long_answers: Service) -> None:
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(long_answers)) for _ in range(40)]
        for wire in wires:
            wire.send(last)
        # gthread's main loop waits two seconds for each of these.
        answers = [wire.answer() for wire in wires]

    assert [answer and answer.body for answer in answers] == [b"xxxxx"] * 40


def test_the_beginning_of_a_next_request_is_waited_for_by_no_thread(long_answers: Service) -> None:
    """Behind a whole request, where gthread gives it to a thread, which gets no end to answer."""
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(long_answers)) for _ in range(12)]
        for wire in wires:
            wire.send(get("/") + b"GET /")
        answers = [wire.answers() for wire in wires]

    assert [[answer.status for answer in each] for each in answers] == [[200, 408]] * 12
