"""Loopback ports for servers that may have to come back on the same port."""

import secrets
import socket

LOOPBACK = "127.0.0.1"

# Below Linux's ephemeral range (32768 and up): while a server is down, a client that keeps
# connecting to an ephemeral port can be given that very port as its own, and talk to itself.
_FIRST, _LAST = 20_000, 31_999
_ATTEMPTS = 100

_given: set[int] = set()


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: connections in TIME_WAIT do not hold the port, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Pick a loopback port that is free and was not given out by this process before."""
    for _ in range(_ATTEMPTS):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST + 1)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    message = f"no free port found between {_FIRST} and {_LAST}"
    raise OSError(message)
