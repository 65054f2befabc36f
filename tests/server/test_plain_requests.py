"""Our quick look at a request and gunicorn's parser agree about everything."""

from __future__ import annotations

import socket
from io import BytesIO
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.unreader import IterUnreader
from hypothesis import example, given
from hypothesis import strategies as st

from app.server.connection import Connection
from app.server.hosts import HostedParser
from app.server.plain_requests import PlainRequests, common_environ

CLIENT, SERVER = ("203.0.113.9", 40001), ("10.0.0.4", 8080)
BY_OBJECT = {"wsgi.input", "wsgi.errors", "gunicorn.socket", "wsgi.early_hints"}
"""What cannot be compared, or is not there: nothing of ours asks for the last two."""


@pytest.fixture(scope="module")
def cfg() -> Config:
    config = Config()
    config.set("forwarded_allow_ips", "")
    config.set("secure_scheme_headers", {})
    return config


def plainly(cfg: Config, data: bytes) -> dict[str, Any] | None:
    """Read one request as the main loop does; None: gunicorn's parser is to see it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        addresses = Connection(ours, CLIENT, SERVER).addresses()  # type: ignore[arg-type]
    common = common_environ(cfg)
    assert common is not None
    request = PlainRequests(cfg).read(data, {**common, **addresses})
    if request is None or len(data) < request.end:
        return None
    rest = request.take_body(data)
    said = {name: value for name, value in request.environ.items() if name not in BY_OBJECT}
    body = request.environ["wsgi.input"].read()
    return {"environ": said, "body": body, "rest": rest, "close": request.should_close()}


def by_gunicorn(cfg: Config, data: bytes) -> dict[str, Any] | None:
    """Read one request with gunicorn's parser; None: it refuses, or there is no end."""
    unreader = IterUnreader([data])
    parser = HostedParser(cfg, BytesIO(), CLIENT)
    parser.unreader = unreader
    try:
        request = next(parser)
        with socket.socket() as sock:
            _, environ = wsgi.create(request, sock, CLIENT, SERVER, cfg)
        environ["wsgi.multithread"] = True
        body = environ["wsgi.input"].read()
    except (Exception, StopIteration):  # noqa: BLE001  # it refuses
        return None
    said = {name: value for name, value in environ.items() if name not in BY_OBJECT}
    rest = unreader.take_buffered() + b"".join(unreader.iter or [])
    return {"environ": said, "body": body, "rest": rest, "close": request.should_close()}


def assert_same(cfg: Config, data: bytes) -> bool:
    """Compare; tell whether the quick look was enough."""
    plain = plainly(cfg, data)
    if plain is not None:
        full = by_gunicorn(cfg, data)
        assert full is not None
        assert plain.pop("environ") == full.pop("environ")
        assert plain == full
        return True
    return False


METHODS = st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PATCH", "DELETE", "CONNECT", "get"])
TARGETS = st.one_of(
    st.sampled_from(
        ["/", "/aB3xY9", "/api/aB3xY9?x=1", "//x", "*", "http://x/y", "/a#b", "/%C0?%"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30).map("/{}".format),
)
NAMES = (
    "Host Connection Content-Length Content-Type Transfer-Encoding Expect Upgrade Cookie X_Y "
    "X-Forwarded-For SCRIPT_NAME Script-Name x-request-id"
)
VALUES = (
    "|x|close|keep-alive|Close|0|5|05|+5|5,5|²|chunked| x |100-continue|s.example:80|[::1]|a,b|"
    "\tx|a b|h2c, x|keep-alive, x"
)
LATIN = st.text(st.characters(max_codepoint=255), max_size=12)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    version = draw(st.sampled_from(["HTTP/1.1"] * 6 + ["HTTP/1.0", "HTTP/1.2", "http/1.1"]))
    separator = draw(st.sampled_from([": ", ":", ":\t ", " : "]))
    names = st.sampled_from(NAMES.split())
    values = st.sampled_from(VALUES.split("|")) | LATIN
    fields = draw(st.lists(st.tuples(names, values), max_size=6))
    lines = [f"{draw(METHODS)} {draw(TARGETS)} {version}"]
    lines += ["Host: x"] * draw(st.integers(0, 1))
    lines += [f"{name}{separator}{value}" for name, value in fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + draw(st.binary(max_size=40))


@given(requests())
@example(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"POST /x HTTP/1.0\r\nContent-Length:3\r\n\r\nabcdef")
def test_generated_requests(cfg: Config, data: bytes) -> None:
    assert_same(cfg, data)


PLAIN = (
    b"POST /api/aB3xY9?q=%20 HTTP/1.1\r\nHost: s.example\r\nCookie: a=b; c\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


@given(st.data())
def test_any_byte_may_be_another(cfg: Config, data: st.DataObject) -> None:
    changed = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(PLAIN) - 1))] = data.draw(st.integers(0, 255))
    assert_same(cfg, bytes(changed))


@given(st.data())
def test_any_part_may_be_there_twice_or_not(cfg: Config, data: st.DataObject) -> None:
    begin, end = sorted(data.draw(st.integers(0, len(PLAIN))) for _ in range(2))
    assert_same(cfg, PLAIN[:begin] + PLAIN[end:])
    assert_same(cfg, PLAIN[:end] + PLAIN[begin:])


BROWSER = (
    b"GET /aB3xY9 HTTP/1.1\r\nHost: s.example\r\nUser-Agent: Mozilla/5.0 (X11; rv:141.0)\r\n"
    b"Accept: text/html,*/*;q=0.8\r\nAccept-Encoding: gzip, br\r\nCookie: a=b\r\n"
    b"X-Forwarded-For: 203.0.113.7, 10.0.0.2\r\nX-Forwarded-Proto: https\r\nVia: 1.1 \xe4\r\n"
    b"X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678\r\nConnection: keep-alive\r\n\r\n"
)


@pytest.mark.parametrize(
    "data",
    [
        BROWSER,
        PLAIN,
        BROWSER + BROWSER,
        b"GET /%C0?a=%00 HTTP/1.0\r\n\r\n",
        b"HEAD /healthz HTTP/1.1\r\nHost:\r\nConnection: Close\r\n\r\n",
        b"OPTIONS /api/ HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: https://x\r\n\r\n",
    ],
)
def test_what_browsers_and_balancers_send_needs_no_second_look(cfg: Config, data: bytes) -> None:
    assert assert_same(cfg, data)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX_A: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n"
        + b"".join(b"A%d: 1\r\n" % n for n in range(101))
        + b"\r\n",
        b"GET /" + b"a" * 4081 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 8190 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40000,
    ],
)
def test_what_is_left_to_gunicorns_parser(cfg: Config, data: bytes) -> None:
    assert plainly(cfg, data) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("proxy_protocol", "auto"), ("permit_obsolete_folding", True), ("casefold_http_method", True)],
)
def test_settings_that_change_the_parser_leave_everything_to_it(name: str, value: Any) -> None:
    config = Config()
    config.set("secure_scheme_headers", {})
    assert common_environ(config) is not None

    config.set(name, value)

    assert common_environ(config) is None


def test_limits_are_gunicorns_to_the_byte(cfg: Config) -> None:
    line = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"
    assert assert_same(cfg, line % (b"a" * (4094 - len(b"GET / HTTP/1.1"))))
    assert by_gunicorn(cfg, line % (b"a" * (4095 - len(b"GET / HTTP/1.1")))) is None
