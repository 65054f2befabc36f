"""One client's connection, as the main loop sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.server.poller import NOTHING

if TYPE_CHECKING:
    from app.server.client_socket import ClientSocket
    from app.server.plain_requests import PlainRequest


class Connection:
    """A connection; it is idle, receives, is served, sends or is being closed."""

    __slots__ = (
        "address",
        "asked",
        "deadline",
        "environ",
        "fd",
        "goes_on",
        "interest",
        "left",
        "ready",
        "received",
        "request",
        "server",
        "sock",
        "unreader",
    )

    def __init__(self, sock: ClientSocket, address: Any, server: Any) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.address = address
        self.server = server
        """Our own end of it."""
        self.interest = NOTHING
        self.ready: Callable[[Any], None]
        self.received = b""
        """What has come and was not yet looked at, or is no whole request yet."""
        self.request: PlainRequest | None = None
        """A request whose body is still coming."""
        self.asked = False
        """It has sent something before."""
        self.goes_on = True
        """There may be another request after this answer."""
        self.deadline = 0.0
        self.left = 0
        """Bytes that the client may still send after the last answer."""
        self.environ: dict[str, Any] | None = None
        """What is the same in each of its requests; None where there are no addresses."""
        self.unreader: Any = None
        """Reads in a thread what is too long to hold."""

    def addresses(self) -> dict[str, str]:
        """Return who asks whom, as WSGI wants it."""
        return {
            "REMOTE_ADDR": self.address[0],
            "REMOTE_PORT": str(self.address[1]),
            "SERVER_NAME": self.server[0],
            "SERVER_PORT": str(self.server[1]),
        }
