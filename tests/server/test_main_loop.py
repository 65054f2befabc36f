"""What the main loop answers by itself is answered like everything else, and holds nobody up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.server.client_socket import WRITE_WAIT
from tests.conftest import StartService
from tests.faults.clients import DeafClients
from tests.harness.service import Service
from tests.harness.sinks import eventually
from tests.security.wire import Answer, Wire
from tests.server.at_once import HELD_BY_LOOP

APP = "tests.server.at_once:app"
NO_DATABASE = {"POSTGRES_HOST": "none.invalid"}
LOOP = b"MainThread"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(NO_DATABASE, app=APP) as service:
        yield service


def get(path: str, method: str = "GET", fields: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()


def ask(service: Service, request: bytes) -> Answer:
    """Send a request on a connection of its own, and return the answer."""
    with Wire(service) as wire:
        wire.send(request)
        answer = wire.answer()
    assert answer is not None
    return answer


def test_the_loop_answers_what_cannot_wait_and_threads_the_rest(service: Service) -> None:
    body = b"some body"
    post = get("/later", "POST", f"Content-Length: {len(body)}\r\n") + body
    with Wire(service) as wire:
        wire.send(get("/now") + post + get("/now"))
        answers = [wire.answer() for _ in range(3)]

    said = [answer.body for answer in answers if answer]
    assert (said[0], said[2]) == (LOOP, LOOP)
    assert said[1].startswith(b"request-")
    assert said[1].endswith(b" some body")


def test_the_loop_answers_while_every_thread_is_busy(service: Service) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(Wire(service)) for _ in range(8)]
        for wire in slow:
            wire.send(get("/slow?1"))
        assert [ask(service, get("/now")).body for _ in range(10)] == [LOOP] * 10
        assert all(wire.answer() for wire in slow)


@pytest.mark.parametrize(
    ("request_", "status", "body", "connection"),
    [
        (get("/now"), 200, LOOP, "keep-alive"),
        (get("/now", fields="Connection: close\r\n"), 200, LOOP, "close"),
        (b"GET /now HTTP/1.0\r\n\r\n", 200, LOOP, "close"),
        (b"GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, LOOP, "keep-alive"),
    ],
)
def test_framing_is_that_of_every_answer(
    service: Service, request_: bytes, status: int, body: bytes, connection: str
) -> None:
    answer = ask(service, request_)

    assert (answer.status, answer.body, answer.headers["connection"]) == (status, body, connection)


def test_head_has_no_body(service: Service) -> None:
    with Wire(service) as wire:
        wire.send(get("/now", "HEAD") + get("/now"))
        head, following = wire.answer(head=True), wire.answer()

    assert head is not None
    assert head.headers["content-length"] == str(len(LOOP))
    assert following is not None
    assert following.body == LOOP


def test_an_answer_without_a_length_comes_in_chunks(service: Service) -> None:
    answer = service.client.get(f"{service.url}/now/chunked", timeout=10)

    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.content == LOOP


def test_what_fails_at_once_is_an_error_of_ours_and_hurts_nobody(service: Service) -> None:
    for path in ("/now/fails", "/now/fails/later"):
        answer = ask(service, get(path))
        assert (answer.status, json.loads(answer.body)["code"]) == (500, "INTERNAL_ERROR")
        assert answer.headers["connection"] == "close"

    assert ask(service, get("/now")).body == LOOP


def test_a_worker_that_the_master_gives_up_ends_and_answers_nothing_more() -> None:
    with Service(NO_DATABASE, app=APP) as service:
        before = service.workers
        with Wire(service) as wire:
            wire.send(get("/now/aborted"))
            # SIGABRT came while this was answered: it is cut off, not told 500 by a worker that
            # would then drain as if it had been told to stop.
            assert wire.answer() is None
        eventually(lambda: service.workers and set(service.workers).isdisjoint(before))
        service.await_ready()
        assert ask(service, get("/now")).body == LOOP


def test_an_application_that_exits_ends_neither_its_thread_nor_the_worker(service: Service) -> None:
    before = service.workers
    for _ in range(9):  # more than it has threads
        with Wire(service) as wire:
            wire.send(get("/exit"))
            assert wire.answer() is None
    assert ask(service, get("/later")).body.startswith(b"request-")
    assert service.workers == before


def test_every_body_is_closed_once(service: Service) -> None:
    with Wire(service) as wire:
        wire.send(get("/now/closed"))
        before = wire.answer()
        wire.send(get("/now") * 20 + get("/now/closed"))
        answers = [wire.answer() for _ in range(21)]

    assert before is not None
    last = answers[-1]
    assert last is not None
    assert int(last.body) == int(before.body) + 21


def test_a_request_in_pieces_is_answered_when_it_is_whole(service: Service) -> None:
    with Wire(service) as wire:
        for byte in get("/now"):
            wire.send(bytes([byte]))
        answer = wire.answer()

    assert answer is not None
    assert answer.body == LOOP


def test_a_long_answer_is_sent_when_there_is_room(service: Service) -> None:
    with Wire(service) as wire:
        wire.send(get("/now/large") * 4 + get("/now"))
        answers = [wire.answer() for _ in range(5)]

    sizes = [len(answer.body) for answer in answers if answer]
    assert sizes == [HELD_BY_LOOP] * 4 + [len(LOOP)]


def test_who_sends_a_thousand_requests_at_once_is_served_in_turn_with_others(
    service: Service,
) -> None:
    many = 20_000
    # Neither the listener, nor threads, nor other connections wait for the end of that.
    with DeafClients(service.port, 4, get("/now"), times=many), Wire(service) as wire:
        for path in ("/now", "/later") * 5:
            wire.send(get(path))
            assert wire.answer() is not None


@pytest.mark.parametrize("path", ["/now", "/now/large"])
def test_clients_that_do_not_read_are_cut_off(start_service: StartService, path: str) -> None:
    service = start_service(NO_DATABASE, app=APP)
    with DeafClients(service.port, 6, get(path)) as deaf:
        eventually(lambda: len(deaf.blocked) == 6)
        assert ask(service, get("/now")).body == LOOP
        eventually(lambda: deaf.cut >= 6, WRITE_WAIT + 25)

    service.await_record(lambda record: record["msg"].startswith("Answers are not read in time"))


def test_a_worker_is_replaced_after_as_many_requests_as_it_may_serve(
    start_service: StartService,
) -> None:
    service = start_service(NO_DATABASE, app=APP, arguments=("--max-requests", "25"))
    (first,) = service.workers
    with Wire(service) as wire:
        # One was asked for to see that it is ready; requests of both ways count.
        wire.send((get("/now") + get("/later")) * 15)
        answers = wire.answers()

    assert [answer.status for answer in answers] == [200] * 24
    assert [answer.headers["connection"] for answer in answers] == ["keep-alive"] * 23 + ["close"]
    eventually(lambda: service.workers and first not in service.workers)
    assert ask(service, get("/now")).body == LOOP
