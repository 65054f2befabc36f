"""What is asked again, and when: against a server that answers as it is told to."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from shorten import patience

from tests.cli.conftest import Result
from tests.cli.conftest import run_here as run_command

MADE = {"message": "made", "short_code": "abcdef"}
LINK = {"code": "abcdef", "short_url": "http://x/abcdef", "tags": []}
DROPPED = "dropped"


class Scripted(ThreadingHTTPServer):
    """Gives one answer after the other: (status, body, headers), or breaks off."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Any] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        answer = self.server.answers.pop(0) if self.server.answers else (500, {}, {})
        self.close_connection = True
        if answer == DROPPED:
            return
        status, body, headers = answer
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        kind = "text/html" if isinstance(body, str) else "application/json"
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def server() -> Iterator[Scripted]:
    """Run the server."""
    with Scripted() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let waits pass at once, and note them."""
    waits: list[float] = []

    class Clock:
        @staticmethod
        def sleep(seconds: float) -> None:
            waits.append(seconds)

        @staticmethod
        def monotonic() -> float:
            return sum(waits)

    monkeypatch.setattr(patience, "time", Clock)
    return waits


@pytest.fixture
def shorten(server: Scripted, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command against the server, with a token."""

    def call(*arguments: str) -> Result:
        environment = {"SHORTENER_URL": server.url, "SHORTENER_TOKEN": "a.b.c", "HOME": "/nowhere"}
        return run_command(arguments, environment | {"XDG_CONFIG_HOME": "/nowhere"}, capsys)

    return call


def busy(status: int, seconds: str) -> tuple[int, Any, dict[str, str]]:
    return status, {"error": "Not now", "code": "NOT_NOW"}, {"Retry-After": seconds}


def test_what_is_busy_is_waited_for_as_it_asks(
    server: Scripted, clock: list[float], shorten: Any
) -> None:
    server.answers = [busy(429, "7"), (200, {**LINK, "rules": []}, {})]

    shown = shorten("show", "abcdef", "--json")

    assert shown.status == 0
    assert clock == [7.2]
    assert shown.err == "the service takes no more just now; waiting, 90 s at most\n"


@pytest.mark.parametrize(("status", "longest"), [(429, 90), (503, 20)])
def test_no_wait_is_longer_than_its_bound(
    server: Scripted, clock: list[float], shorten: Any, status: int, longest: int
) -> None:
    server.answers = [busy(status, "5")] * 100

    refused = shorten("show", "abcdef")

    assert refused.status == 5
    assert "Error: Not now" in refused.err
    assert longest - 6 < sum(clock) <= longest


def test_a_wait_that_is_too_long_is_not_begun(
    server: Scripted, clock: list[float], shorten: Any
) -> None:
    server.answers = [busy(503, "3600")]

    assert shorten("show", "abcdef").status == 5
    assert clock == []


def test_a_create_whose_answer_was_lost_is_sent_again_with_its_key(
    server: Scripted, clock: list[float], shorten: Any
) -> None:
    server.answers = [DROPPED, busy(503, "1"), (201, MADE, {}), (200, LINK, {})]

    assert shorten("add", "https://example.com/").status == 0

    keys = {headers.get("Idempotency-Key") for method, _, headers in server.requests[:3]}
    assert len(keys) == 1
    assert None not in keys


def test_an_edit_or_a_key_whose_answer_was_lost_is_not_sent_again(
    server: Scripted, clock: list[float], shorten: Any
) -> None:
    server.answers = [(200, LINK, {"ETag": '"4"'}), DROPPED, DROPPED]

    assert shorten("edit", "abcdef", "--title", "x").status == 5
    assert shorten("keys", "create", "x", "-s", "links:read").status == 5

    methods = [(method, headers.get("If-Match")) for method, _, headers in server.requests]
    assert methods == [("GET", None), ("PATCH", '"4"'), ("POST", None)]


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ((200, "<html>hello</html>", {}), 5, "something else than a shortener answers at"),
        ((404, "<html>no</html>", {}), 5, "is not the shortener's"),
        ((301, "", {"Location": "https://elsewhere.example/"}), 5, "sends elsewhere (status 301)"),
        ((200, {"hello": "world"}, {}), 1, "lacks what it should hold"),
        ((200, {"links": [{"code": "only"}]}, {}), 1, "answer is not understood"),
        ((400, {"error": "\x1b[2Jbad\u202e", "code": "X"}, {}), 1, r"\x1b[2Jbad\u202e"),
    ],
)
def test_other_answers_are_explained(
    server: Scripted, shorten: Any, answer: Any, status: int, reason: str
) -> None:
    server.answers = [answer]

    refused = shorten("list")

    assert refused.status == status
    assert reason in refused.err
    assert len(server.requests) == 1
