"""Hypothesis: bytes on the wire that are almost HTTP, or not at all."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.service import Service
from tests.security.sound import Volume, assert_sound, volumes
from tests.security.wire import exchange

HOST = b" HTTP/1.1\r\nHost: s.test\r\n"
CHUNKED_HEAD = b"POST /api/login" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"a;x=y\r\n0123456789\r\n2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n"
CREATE = b'Content-Type: application/json\r\nContent-Length: 27\r\n\r\n{"url":"https://e.com/wire"}'
VALID = [
    b"GET /abcdef" + HOST + b"Accept: */*\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
    b"GET /api/user/urls" + HOST + b"Authorization: Bearer a.b.c\r\n\r\n",
    b"POST /api/" + HOST + CREATE,
    CHUNKED_HEAD + CHUNKS,
    b"POST /no/where" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /healthz" + HOST + b"\r\nGET /no/where" + HOST + b"\r\n",
]
PIECES = [
    b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b"\r\n\r\n", b"\xff", b"\x0b", b"chunked",
    b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Connection: keep-alive, close\r\n", b"Upgrade: h2c\r\n", b"Expect: 100-continue\r\n", b"0",
    b"HTTP/1.0", b"HTTP/1.1", b"\r\n ", b"9" * 20, b"%00", b"X" * 9000, b"Host: y\r\n", b",", b";",
    b"POST /api/ HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n\r\n",
]  # fmt: skip
places = st.integers(0, 400)
mutations = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), places, st.sampled_from(PIECES)),
        st.tuples(st.just("insert"), places, st.binary(min_size=1, max_size=4)),
        st.tuples(st.just("delete"), places, st.integers(1, 30)),
        st.tuples(st.just("set"), places, st.integers(0, 255)),
        st.tuples(st.just("cut"), places, st.none()),
    ),
    min_size=1,
    max_size=4,
)


def mutated(data: bytes, how: list[tuple[str, int, Any]]) -> bytes:
    """Return the bytes with each change made at its place."""
    for kind, place, what in how:
        at = place % (len(data) + 1)
        if kind == "insert":
            data = data[:at] + what + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + what :]
        elif kind == "set":
            data = data[:at] + bytes([what]) + data[at + 1 :]
        else:
            data = data[:at]
    return data


lines = st.lists(
    st.one_of(st.sampled_from(PIECES), st.binary(max_size=20), st.sampled_from(VALID)), max_size=8
).map(b"".join)
KINDS: dict[str, st.SearchStrategy[bytes]] = {
    "mutated": st.builds(mutated, st.sampled_from(VALID), mutations),
    "assembled": lines,
    "headers": st.builds(
        lambda middle: b"POST /api/ HTTP/1.1\r\nHost: s.test\r\n" + middle + b"\r\n\r\n{}", lines
    ),
    "chunks": st.builds(
        lambda body, how: CHUNKED_HEAD + mutated(body, how),
        st.sampled_from([CHUNKS, b"5\r\nhello\r\n0\r\n\r\n" * 3]),
        mutations,
    ),
    "bytes": st.binary(max_size=300),
}


@volumes
@pytest.mark.parametrize("kind", KINDS)
def test_bytes(attacked: Service, kind: str, volume: Volume) -> None:
    sent = 0

    @settings(max_examples=volume.wire)
    @given(KINDS[kind])
    def send(data: bytes) -> None:
        nonlocal sent
        sent += 1
        # Nothing sent is a HEAD: every answer has the body it announces.
        for answer in exchange(attacked, data.replace(b"HEAD", b"GET")):
            assert_sound(answer.status, answer.headers, answer.body, page=False)

    send()
    assert sent >= volume.wire
