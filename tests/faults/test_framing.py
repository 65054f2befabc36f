"""A request is given to a thread when it is whole: not earlier, and not later."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.server.framing import HELD, is_complete

FIELDS = b"Host: x\r\nAccept: */*\r\n"


def request(*, body: bytes = b"", fields: bytes = b"") -> bytes:
    return b"POST /api/ HTTP/1.1\r\n" + FIELDS + fields + b"\r\n" + body


@st.composite
def with_length(draw: st.DrawFn) -> bytes:
    body = draw(st.binary(min_size=1, max_size=200))
    name = draw(st.sampled_from([b"Content-Length:", b"content-length: ", b"CONTENT-LENGTH:\t"]))
    return request(body=body, fields=name + b"%d\r\n" % len(body))


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    chunks = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    extension = draw(st.sampled_from([b"", b";a=b", b" ; a"]))
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    trailer = draw(st.sampled_from([b"", b"X: y\r\n"]))
    whole = body + b"0\r\n" + trailer + b"\r\n"
    return request(body=whole, fields=b"Transfer-Encoding: chunked\r\n")


@given(st.one_of(st.just(request()), with_length(), chunked()), st.data())
def test_whole_and_not_before(whole: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(whole) - 1))

    assert is_complete(whole)
    assert not is_complete(whole[:cut])


@given(st.one_of(with_length(), chunked()), st.binary(max_size=50))
def test_the_beginning_of_a_next_request_changes_nothing(whole: bytes, following: bytes) -> None:
    assert is_complete(whole + following)


@given(st.binary(max_size=300))
def test_any_bytes_get_a_verdict(received: bytes) -> None:
    is_complete(received)
    is_complete(request(body=received, fields=b"Transfer-Encoding: chunked\r\n"))


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(b"GET /" + b"a" * HELD, id="longer-than-held"),
        pytest.param(b"NONSENSE\r\nHost:", id="no-http"),
        pytest.param(request(fields=b"Transfer-Encoding: x\r\n"), id="unknown-coding"),
        pytest.param(
            request(fields=b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n"), id="smuggling"
        ),
        pytest.param(request(fields=b"Content-Length: -1\r\n"), id="length-is-no-number"),
        pytest.param(
            request(fields=b"Content-Length: 9\r\nExpect: 100-continue\r\n"), id="expects"
        ),
        pytest.param(
            request(fields=b"Transfer-Encoding: chunked\r\n", body=b"xyz\r\n"), id="chunk"
        ),
        pytest.param(
            request(fields=b"Transfer-Encoding: chunked\r\n", body=b"1" * 300), id="chunk-line"
        ),
    ],
)
def test_what_nobody_waits_for(received: bytes) -> None:
    assert is_complete(received)


def test_a_long_body_is_left_to_its_thread() -> None:
    begun = request(fields=b"Content-Length: 100000\r\n", body=b"x" * (HELD - 10))
    assert not is_complete(begun[: HELD - 1])
    assert is_complete(begun)
