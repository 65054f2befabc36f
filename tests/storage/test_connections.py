"""What becomes of connections that cannot be made."""

import socket

import psutil
import psycopg
import pytest

from app.storage.connections import BoundedConnection


def test_an_attempt_without_an_answer_leaves_no_socket_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(psycopg.errors.ConnectionTimeout):
            BoundedConnection.connect(host="127.0.0.1", port=port, connect_timeout=2)

        connections = psutil.Process().net_connections("tcp")
        assert [one for one in connections if one.raddr[1:] == (port,)] == []
