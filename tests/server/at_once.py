"""An application that answers some of its paths at once, and says in which thread it did."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HELD_BY_LOOP = 512 * 1024
_closed = 0


class _Body:
    """A body that counts that it was closed, as telemetry's does."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        global _closed  # noqa: PLW0603  # the simplest counter there is
        _closed += 1


def answer_now(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes] | None:
    """Answer what begins with `/now`; nothing else, and nothing is done for it."""
    path = environ["PATH_INFO"]
    if not path.startswith("/now"):
        return None
    if path == "/now/fails":
        message = "broken on purpose"
        raise RuntimeError(message)
    if path == "/now/aborted":
        os.kill(os.getpid(), signal.SIGABRT)
    content = {
        "/now/closed": str(_closed).encode(),
        "/now/large": b"x" * HELD_BY_LOOP,
    }.get(path, threading.current_thread().name.encode())
    headers = [("Content-Type", "text/plain")]
    if path != "/now/chunked":
        headers.append(("Content-Length", str(len(content))))
    start_response("200 OK", headers)
    if path == "/now/fails/later":
        return (1 // number for number in [0])  # type: ignore[misc]
    return _Body([content])


class Application:
    """WSGI."""

    def __init__(self) -> None:
        self.extensions = {"at_once": answer_now}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer everything, also what was not answered at once."""
        if environ["PATH_INFO"] == "/exit":
            raise SystemExit(0)
        if environ["PATH_INFO"] == "/slow":
            time.sleep(float(environ["QUERY_STRING"]))
        body = environ["wsgi.input"].read()
        content = b"%b %b" % (threading.current_thread().name.encode(), body)
        start_response("200 OK", [("Content-Length", str(len(content)))])
        return [content]


app = Application()
