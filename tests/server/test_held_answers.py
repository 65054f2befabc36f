"""What a worker holds for a client that does not read is what it counts."""

import socket

from app.server.client_socket import ClientSocket, Unsent

ANSWER = 4 << 20


def test_the_rest_of_a_long_answer_does_not_keep_the_whole() -> None:
    ours, theirs = socket.socketpair()
    unsent = Unsent(lambda: False, lambda: None)
    with ClientSocket(ours, unsent) as client, theirs:
        client.offer(bytes(ANSWER))

        while client.held > ANSWER // 100:
            theirs.recv(1 << 16)
            client.flush()
            held = sum(memoryview(part.obj).nbytes for part in client._parts)
            assert client.held <= held <= 2 * client.held
            assert unsent.bytes == client.held
