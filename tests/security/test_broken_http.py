"""Broken HTTP, shape by shape: above all requests that a proxy may see otherwise than we do."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.service import Service
from tests.security.sound import Volume, assert_sound, volumes
from tests.security.wire import Wire, exchange

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: s.test\r\n\r\n"
"""A request inside the body of another, or after it: which one is the whole question."""
BODY = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)


def post(*lines: bytes, end: bytes = b"\r\n", body: bytes = BODY) -> bytes:
    """Return a POST with these header lines and a body in one chunk."""
    head = (b"POST /no/where HTTP/1.1", b"Host: s.test", *lines)
    return end.join(head) + end * 2 + body


CHUNKED = b"Transfer-Encoding: chunked"
AMBIGUOUS = {
    "both": post(b"Content-Length: 4", CHUNKED),
    "both, other order": post(CHUNKED, b"Content-Length: 4"),
    "chunked twice": post(CHUNKED, CHUNKED),
    "chunked, chunked": post(b"Transfer-Encoding: chunked, chunked"),
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity"),
    "chunked then identity": post(CHUNKED, b"Transfer-Encoding: identity"),
    "not quite chunked": post(b"Transfer-Encoding: xchunked"),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"'),
    "vertical tab": post(b"Transfer-Encoding: \x0bchunked"),
    "no break space": post(b"Transfer-Encoding: \xa0chunked"),
    "space before the colon": post(b"Transfer-Encoding : chunked"),
    "tab before the colon": post(b"Transfer-Encoding\t: chunked"),
    "folded": post(b"Transfer-Encoding:\r\n chunked"),
    "folded length": post(b"Content-Length:\r\n 5"),
    "after a line that is none": post(b"X: y\r\nnonsense", CHUNKED),
    "after a bare line feed": post(b"X: y\n" + CHUNKED),
    "after a bare carriage return": post(b"X: y\r" + CHUNKED),
    "after a NUL": post(b"X: y\x00", CHUNKED),
    "bare line feeds": post(CHUNKED, end=b"\n"),
    "a space before the first header": post(b" " + CHUNKED),
    "two lengths": post(b"Content-Length: 0", b"Content-Length: %d" % len(BODY)),
    "two lengths in one": post(b"Content-Length: 0, %d" % len(BODY)),
    "a signed length": post(b"Content-Length: +5"),
    "a negative length": post(b"Content-Length: -5"),
    "a hexadecimal length": post(b"Content-Length: 0x5"),
    "an underscored length": post(b"Content-Length: 1_0"),
    "a fractional length": post(b"Content-Length: 5.0"),
    "a length in other digits": post(b"Content-Length: \xd9\xa5"),
    "an empty length": post(b"Content-Length:"),
    "HTTP/1.0": post(CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
}


@pytest.mark.parametrize("shape", AMBIGUOUS)
def test_what_a_proxy_may_frame_otherwise_is_refused_and_the_connection_closed(
    attacked: Service, shape: str
) -> None:
    answers = exchange(attacked, AMBIGUOUS[shape])

    assert [answer.status in {400, 501} for answer in answers] == [True]
    assert answers[0].headers["connection"] == "close"
    assert_sound(answers[0].status, answers[0].headers, answers[0].body, page=False)


CHUNKS = {
    "no size": b"\r\n" + HIDDEN,
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "too short": b"3\r\nhello\r\n0\r\n\r\n",
    "too long": b"9\r\nhello\r\n0\r\n\r\n",
    "bare line feeds": b"5\nhello\n0\n\n",
    "bare line feed in an extension": b"5;x\nyz\r\nhello\r\n0\r\n\r\n",
    "beyond 64 bits": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "NUL": b"5\x00\r\nhello\r\n0\r\n\r\n",
    "no line end": b"5" * 10_000,
    "cut off": b"5\r\nhel",
}


@pytest.mark.parametrize("path", [b"/api/", b"/api/login", b"/no/where"])
@pytest.mark.parametrize("shape", CHUNKS)
def test_broken_chunks_end_the_connection(attacked: Service, path: bytes, shape: str) -> None:
    request = post(CHUNKED, body=CHUNKS[shape]).replace(b"/no/where", path)

    answers = exchange(attacked, request + HIDDEN)

    # A route that does not read bodies may have answered before anybody saw what is wrong.
    assert [400 <= answer.status < 500 for answer in answers] == [True]
    assert_sound(answers[0].status, answers[0].headers, answers[0].body, page=False)


@pytest.mark.parametrize("path", [b"/api/", b"/api/signup", b"/api/login"])
def test_a_body_that_was_cut_off_is_not_carried_out(attacked: Service, path: bytes) -> None:
    """RFC 9112, section 6.3: incomplete, though the part that came is JSON."""
    body = json.dumps({"url": "https://e.com/cut", "username": "cut", "email": "cut@e.com",
                       "password": "a long enough one"}).encode()  # fmt: skip
    request = b"POST %b HTTP/1.1\r\nHost: s.test\r\nContent-Length: %d\r\n\r\n%b"

    (answer,) = exchange(attacked, request % (path, len(body) + 1, body))

    assert (answer.status, json.loads(answer.body)["code"]) == (400, "BAD_REQUEST")
    assert_sound(answer.status, answer.headers, answer.body, page=False)


REFUSED = {
    "a method with a space": b"GE T / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target with a space": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in the target": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.10": b"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
    "lower case": b"GET / http/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n",
    "no header name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "a header name beyond tokens": b"GET / HTTP/1.1\r\nHost: x\r\nX(y): z\r\n\r\n",
    "an unknown coding": b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    "a header too long": b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("shape", REFUSED)
def test_what_is_not_http_is_refused(attacked: Service, shape: str) -> None:
    answers = exchange(attacked, REFUSED[shape])

    assert [400 <= answer.status < 500 or answer.status == 501 for answer in answers] == [True]
    assert_sound(answers[0].status, answers[0].headers, answers[0].body, page=False)


@pytest.mark.parametrize(
    "endless",
    [
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300_000,
        b"GET /" + b"x" * 3_000_000,
        b"POST /api/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"9" * 3_000_000,
    ],
    ids=["headers", "a line", "a chunk's size"],
)
def test_what_does_not_end_is_cut_off(attacked: Service, endless: bytes) -> None:
    # The answer may be lost on the way: the client is still sending when the connection closes.
    for answer in exchange(attacked, endless):
        assert 400 <= answer.status < 500
        assert_sound(answer.status, answer.headers, answer.body, page=False)


NO_HOSTS = [b"a b", b"a/b", b"a@b", b"a:b", b"[::1", b"[]", b"<script>", b"\xff", b"a%zz", b"a,b c"]
HOSTS = [b"", b"a", b"a:99999", b"a:", b"[::1]:80", b"[v1.x:y]", b"a%C3%A4", b"x_y.z-", b"a" * 8000]


@pytest.mark.parametrize("host", HOSTS)
def test_an_odd_host_is_no_fault_of_ours(attacked: Service, host: bytes) -> None:
    body = b'{"url":"https://e.com/host"}'
    request = b"POST /api/ HTTP/1.1\r\nHost: %b\r\nContent-Length: %d\r\n\r\n%b"

    for answer in exchange(attacked, request % (host, len(body), body)):
        assert_sound(answer.status, answer.headers, answer.body, page=False)


@pytest.mark.parametrize(
    "fields",
    [b"", b"X-Forwarded-Host: x\r\n", b"Host: x\r\nHost: x\r\n"]
    + [b"Host: %b\r\n" % host for host in NO_HOSTS],
)
@pytest.mark.parametrize("target", [b"/healthz", b"http://s.test/healthz", b"/aB3xY9"])
def test_a_request_for_no_host_is_refused(attacked: Service, target: bytes, fields: bytes) -> None:
    """RFC 9112, section 3.2."""
    (answer,) = exchange(attacked, b"GET %b HTTP/1.1\r\n%b\r\n" % (target, fields) + HIDDEN)

    assert (answer.status, json.loads(answer.body)["code"]) == (400, "BAD_REQUEST")
    assert answer.headers["connection"] == "close"
    assert_sound(answer.status, answer.headers, answer.body, page=False)


def test_http_1_0_needs_no_host(attacked: Service) -> None:
    (answer,) = exchange(attacked, b"GET /healthz HTTP/1.0\r\n\r\n")

    assert answer.status == 200


def test_another_host_in_the_target_changes_nothing(attacked: Service) -> None:
    request = b"GET http://evil.test/healthz HTTP/1.1\r\nHost: s.test\r\n\r\n"

    (answer,) = exchange(attacked, request)

    assert_sound(answer.status, answer.headers, answer.body, page=False)
    assert b"evil" not in answer.body


PIPELINE = [
    (b"GET /healthz HTTP/1.1\r\nHost: s.test\r\nX-Request-ID: %b\r\n\r\n", 200),
    (b"GET /no/where HTTP/1.1\r\nHost: s.test\r\nX-Request-ID: %b\r\n\r\n", 404),
    (
        b"POST /api/ HTTP/1.1\r\nHost: s.test\r\nX-Request-ID: %b\r\n"
        b"Content-Length: 11\r\n\r\n" + b'{"url":"x"}',
        400,
    ),
    (
        b"POST /api/login HTTP/1.1\r\nHost: s.test\r\nX-Request-ID: %b\r\n"
        + (CHUNKED + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        400,
    ),
    (
        b"POST /no/where HTTP/1.1\r\nHost: s.test\r\nX-Request-ID: %b\r\n"
        b"Content-Length: 38\r\n\r\n" + HIDDEN[:38],
        404,
    ),
]


@volumes
def test_pipelined_requests_are_answered_each_in_its_turn_however_they_are_cut(
    attacked: Service, volume: Volume
) -> None:
    @settings(max_examples=volume.wire)
    @given(
        st.lists(st.sampled_from(PIPELINE), min_size=1, max_size=6),
        st.lists(st.integers(0, 900), max_size=5),
    )
    def send(requests: list[tuple[bytes, int]], cuts: list[int]) -> None:
        ids = [b"pipelined-%d" % number for number in range(len(requests))]
        data = b"".join(each % each_id for (each, _), each_id in zip(requests, ids, strict=True))
        with Wire(attacked) as wire:
            begun = 0
            for cut in [*sorted({cut for cut in cuts if cut < len(data)}), len(data)]:
                wire.send(data[begun:cut])
                begun = cut
            for (_, status), each_id in zip(requests, ids, strict=True):
                answer = wire.answer()
                assert answer is not None
                assert (answer.status, answer.headers["x-request-id"]) == (status, each_id.decode())

    send()
