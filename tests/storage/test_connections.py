"""What becomes of connections that cannot be made."""

import socket

import psutil
import psycopg
import pytest

from app.config import SESSION_STARTUP
from app.storage.connections import BoundedConnection
from app.storage.session import Session


def test_an_attempt_without_an_answer_leaves_no_socket_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(psycopg.errors.ConnectionTimeout):
            BoundedConnection.connect(
                host="127.0.0.1", port=port, connect_timeout=2, session=Session(SESSION_STARTUP)
            )

        connections = psutil.Process().net_connections("tcp")
        assert [one for one in connections if one.raddr[1:] == (port,)] == []
