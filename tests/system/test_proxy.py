"""The fault proxy does to connections what it says."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.harness.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """Serve echo on a loopback port: the target behind the proxy."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(client: socket.socket) -> None:
        with client:
            try:
                while chunk := client.recv(65_536):
                    client.sendall(chunk)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    """Put a proxy in front of the echo."""
    with Proxy(echo) as proxy:
        yield proxy


@pytest.fixture
def connection(proxy: Proxy) -> Iterator[socket.socket]:
    """Connect through the proxy, and make sure that it passes."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        assert said(connection, b"before") == b"before"
        yield connection


def said(connection: socket.socket, text: bytes) -> bytes:
    """Send and return the answer of the same length."""
    connection.sendall(text)
    got = b""
    while len(got) < len(text) and (chunk := connection.recv(65_536)):
        got += chunk
    return got


def read_into(got: bytearray, connection: socket.socket) -> None:
    """Collect bytes to the end of the connection, whichever it is."""
    while chunk := connection.recv(65_536):
        got += chunk


def fresh(proxy: Proxy) -> bytes:
    """Return what a new connection gets back."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        return said(connection, b"fresh")


def test_cut_resets_old_connections_and_takes_new_ones(
    proxy: Proxy, connection: socket.socket
) -> None:
    proxy.cut()

    with pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert fresh(proxy) == b"fresh"


def test_refuse_refuses_until_it_is_restored(proxy: Proxy, connection: socket.socket) -> None:
    proxy.refuse()

    with pytest.raises(ConnectionResetError):
        connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        fresh(proxy)
    proxy.restore()
    assert fresh(proxy) == b"fresh"


def test_hang_takes_bytes_and_never_answers(proxy: Proxy, connection: socket.socket) -> None:
    proxy.hang()
    connection.settimeout(0.3)

    with pytest.raises(TimeoutError):
        said(connection, b"lost")
    proxy.restore()
    assert fresh(proxy) == b"fresh"


def test_reset_resets_new_connections_at_their_first_byte(proxy: Proxy) -> None:
    proxy.reset()

    with pytest.raises(ConnectionResetError):
        fresh(proxy)


def test_reset_after_resets_in_the_middle_of_an_answer(proxy: Proxy) -> None:
    proxy.reset_after(1000)

    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        connection.sendall(b"x" * 5000)
        got = bytearray()
        with pytest.raises(ConnectionResetError):
            read_into(got, connection)
    assert len(got) == 1000


def test_delay_holds_each_direction(proxy: Proxy, connection: socket.socket) -> None:
    proxy.delay(0.2)

    began = time.monotonic()
    said(connection, b"slowly")

    assert time.monotonic() - began >= 0.4


def test_a_half_closed_connection_still_gets_its_answer(connection: socket.socket) -> None:
    connection.sendall(b"last words")
    connection.shutdown(socket.SHUT_WR)

    got = bytearray()
    read_into(got, connection)
    assert got == b"last words"
