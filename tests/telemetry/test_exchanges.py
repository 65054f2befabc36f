"""An exchange ends at its deadline, whatever the peer does, and leaves no thread behind."""

import gc
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import requests

from telemetry.context import is_muted
from telemetry.exchanges import LONGEST_ANSWER, DeadlineOver, Exchanges, read_whole
from tests.harness.room import MACHINE
from tests.harness.sinks import eventually

SECONDS = 0.3
"""For each exchange of these tests; a peer that is waited for would take far more than MACHINE."""
DRIP = 0.05
"""Seconds between two bytes of a peer that drips: less than any timeout."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[socket.socket, threading.Event], None]


@contextmanager
def peer(serve: Serve, scheme: str = "http") -> Iterator[tuple[str, list[socket.socket]]]:
    """Accept connections and serve each in a thread; yield the URL and what was accepted."""
    over = threading.Event()
    accepted: list[socket.socket] = []

    def run(client: socket.socket) -> None:
        try:
            serve(client, over)
        except OSError:
            return

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            accepted.append(client)
            threading.Thread(target=run, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/", accepted
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for client in accepted:
        client.close()


def dripping(begin: bytes) -> Serve:
    """Read a request, say the beginning, and then a byte now and then."""

    def serve(client: socket.socket, over: threading.Event) -> None:
        client.recv(65536)
        client.sendall(begin)
        while not over.wait(DRIP):
            client.sendall(b"x")

    return serve


def silent(_client: socket.socket, over: threading.Event) -> None:
    """Say nothing."""
    over.wait()


def answering(client: socket.socket, _over: threading.Event) -> None:
    """Answer each request on a connection."""
    while client.recv(65536):
        client.sendall(OK)


def get(session: Exchanges, url: str, seconds: float = SECONDS, **more: Any) -> requests.Response:
    return session.exchange("GET", url, read_whole, seconds=seconds, **more)


def exchange_threads() -> int:
    return sum(thread.name == "telemetry-exchange" for thread in threading.enumerate())


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


HEAD = b"HTTP/1.1 200 OK\r\n"
PEERS = {
    "says nothing": ("http", silent),
    "drips a status": ("http", dripping(b"HTTP/1.1 ")),
    "drips a head": ("http", dripping(HEAD + b"X-Long: ")),
    "drips content": ("http", dripping(HEAD + b"Content-Length: 9999\r\n\r\n")),
    "drips content to the end of a connection": ("http", dripping(HEAD + b"\r\n")),
    "drips chunks": ("http", dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n")),
    "never ends to continue": ("http", dripping(b"HTTP/1.1 100 Continue\r\n\r\n" * 3)),
    "says nothing to TLS": ("https", silent),
    "drips a handshake": ("https", dripping(b"\x16\x03\x03\x10\x00\x02\x00\x0f\xfc")),
}


OVER = (DeadlineOver, requests.Timeout)
"""Between two bytes the library's own limit is the same, and may be first."""


# Cut before its TLS began, CPython leaves a socket to the garbage collector (SSLSocket._create).
@pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", PEERS)
def test_a_deadline_bounds_the_whole_exchange(way: str) -> None:
    scheme, serve = PEERS[way]
    with peer(serve, scheme) as (url, _), Exchanges() as session:
        for _ in range(2):
            begun = monotonic()
            with pytest.raises(OVER):
                get(session, url)
            assert monotonic() - begun < SECONDS + MACHINE
        eventually(lambda: exchange_threads() == 0, MACHINE)
    gc.collect()


def test_what_is_sent_is_bounded_too() -> None:
    with peer(silent) as (url, _), Exchanges() as session:
        begun = monotonic()
        with pytest.raises(OVER):
            session.exchange("POST", url, read_whole, seconds=SECONDS, data=b"x" * (64 << 20))
        assert monotonic() - begun < SECONDS + MACHINE
        eventually(lambda: exchange_threads() == 0, MACHINE)


def test_a_resolver_that_hangs_holds_one_thread_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, asked = threading.Event(), []
    resolve = socket.getaddrinfo

    def hanging(*args: Any, **kwargs: Any) -> Any:
        asked.append(args[0])
        found.wait()
        return resolve("127.0.0.1", *args[1:], **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    with peer(answering) as (url, accepted), Exchanges() as session:
        named = url.replace("127.0.0.1", "peer.invalid")
        for _ in range(3):
            begun = monotonic()
            with pytest.raises(DeadlineOver):
                get(session, named)
            assert monotonic() - begun < SECONDS + MACHINE
            assert exchange_threads() == 1
        assert len(asked) == 1
        found.set()
        eventually(lambda: exchange_threads() == 0, MACHINE)
        # Found after the deadline it is not used: nobody waits for what would be sent there.
        assert [each.recv(1) for each in accepted] == [b""]
        assert get(session, named, seconds=MACHINE).content == b"ok"


def test_a_connection_is_kept_and_a_cut_one_is_replaced() -> None:
    with peer(answering) as (url, accepted), Exchanges() as session:
        for _ in range(3):
            assert get(session, url, seconds=MACHINE).content == b"ok"
        assert len(accepted) == 1
        session._cut()
        for _ in range(3):
            assert get(session, url, seconds=MACHINE).content == b"ok"
        assert len(accepted) == 2


def test_after_a_deadline_the_next_exchange_is_answered() -> None:
    answers = [silent, answering]

    def serve(client: socket.socket, over: threading.Event) -> None:
        answers.pop(0)(client, over)

    with peer(serve) as (url, _), Exchanges() as session:
        with pytest.raises(DeadlineOver):
            get(session, url)
        assert get(session, url, seconds=MACHINE).content == b"ok"


def test_a_closed_connection_is_let_go() -> None:
    def serve(client: socket.socket, _over: threading.Event) -> None:
        client.recv(65536)
        client.sendall(HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
        assert client.recv(1) == b""  # the other end is closed, not only put aside
        closed.set()

    closed = threading.Event()
    with peer(serve) as (url, _), Exchanges() as session:
        assert get(session, url, seconds=MACHINE).content == b"ok"
        assert closed.wait(MACHINE)
        assert session._lifelines == []


def test_no_descriptor_is_left() -> None:
    with peer(answering) as (url, _):
        before = descriptors()
        with Exchanges() as session:
            get(session, url, seconds=MACHINE)
            with pytest.raises(requests.RequestException):
                get(session, url.replace("http", "https"), seconds=MACHINE)
            session._cut()
        eventually(lambda: descriptors() <= before + 2, MACHINE)  # the peer's own ends


def test_an_answer_that_is_too_long_is_none() -> None:
    def serve(client: socket.socket, _over: threading.Event) -> None:
        client.recv(65536)
        client.sendall(HEAD + b"\r\n" + b"x" * (LONGEST_ANSWER + 1))
        client.close()

    with peer(serve) as (url, _), Exchanges() as session, pytest.raises(requests.RequestException):
        get(session, url, seconds=MACHINE)


def test_errors_are_the_callers(caplog: pytest.LogCaptureFixture) -> None:
    with peer(answering) as (url, _), Exchanges() as session:
        with pytest.raises(ZeroDivisionError):
            session.exchange("GET", url, lambda _: 1 // 0, seconds=MACHINE)
        with pytest.raises(requests.ConnectionError):
            get(session, "http://127.0.0.1:1/", seconds=MACHINE)
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_what_an_exchange_logs_is_not_exported() -> None:
    with peer(answering) as (url, _), Exchanges() as session:
        assert session.exchange("GET", url, lambda _: is_muted(), seconds=MACHINE)


def test_exchanges_of_two_threads_follow_each_other() -> None:
    with peer(answering) as (url, accepted), Exchanges() as session:
        answers: list[bytes] = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(get(session, url, seconds=MACHINE).content)
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [b"ok"] * 4
        assert len(accepted) == 1


def await_deadline(session: Exchanges, url: str) -> None:
    with pytest.raises(DeadlineOver):
        get(session, url, seconds=SECONDS * 4)


def test_who_gets_no_turn_in_time_is_told() -> None:
    begun = threading.Event()

    def serve(client: socket.socket, over: threading.Event) -> None:
        client.recv(65536)
        begun.set()
        over.wait()

    with peer(serve) as (url, _), Exchanges() as session:
        first = threading.Thread(target=await_deadline, args=(session, url))
        first.start()
        assert begun.wait(MACHINE)
        with pytest.raises(DeadlineOver, match="another"):
            get(session, url, seconds=SECONDS / 10)
        first.join()
