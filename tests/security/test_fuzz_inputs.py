"""Hypothesis: codes, targets, headers and bodies that nobody foresaw."""

import codecs
import json
import string
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.service import Service
from tests.security.sound import Volume, assert_sound, volumes
from tests.security.wire import Asker

JSON_TYPE = (b"Content-Type", b"application/json")
NASTY = [
    b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"%", b"%00", b"%0d%0a", b"%C0", b"..",
    b"/", b"//", b"\\", b"?", b"#", b";", b"'", b'"', b"<script>", b"{{7*7}}", b"${x}",
    "🙂".encode(), "\uff21".encode(), b"\xe2\x80\xae", b"--", b" ", b"+", b"%2f", b"%2e%2e%2f",
]  # fmt: skip
nasty_bytes = st.lists(
    st.one_of(
        st.sampled_from(NASTY),
        st.binary(max_size=12),
        st.text(string.ascii_letters + string.digits, max_size=8).map(str.encode),
    ),
    max_size=6,
).map(b"".join)
# Lone surrogates and controls too: JSON can carry them.
any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
header_value = st.binary(max_size=80).map(
    lambda value: bytes(byte for byte in value if byte == 9 or (byte >= 32 and byte != 127)).strip()
)
HEADERS = [
    b"Accept", b"Accept-Charset", b"Accept-Encoding", b"Access-Control-Request-Headers",
    b"Access-Control-Request-Method", b"Authorization", b"Baggage", b"Cache-Control",
    b"Content-Encoding", b"Content-Type", b"Cookie", b"Forwarded", b"If-Modified-Since",
    b"If-None-Match", b"If-Range", b"Origin", b"Range", b"Referer", b"TE", b"Traceparent",
    b"Tracestate", b"Upgrade", b"User-Agent", b"Via", b"X-Amzn-Trace-Id", b"X-Forwarded-For",
    b"X-Forwarded-Host", b"X-Forwarded-Port", b"X-Forwarded-Prefix", b"X-Forwarded-Proto",
    b"X-HTTP-Method-Override", b"X-Original-URL", b"X-Request-ID", b"X-Rewrite-URL",
]  # fmt: skip
PATHS = [
    b"/", b"/abcdef", b"/api/abcdef", b"/api/user/urls", b"/healthz", b"/api/health", b"/metrics",
    b"/api/docs", b"/api/openapi.json", b"/no/where",
]  # fmt: skip


@pytest.fixture
def asker(attacked: Service) -> Iterator[Asker]:
    """Ask the service on one connection."""
    with Asker(attacked) as asker:
        yield asker


def inputs(volume: Volume) -> settings:
    return settings(max_examples=volume.inputs)


@volumes
def test_codes(asker: Asker, volume: Volume) -> None:
    @inputs(volume)
    @given(
        st.sampled_from([b"GET", b"HEAD"]),
        st.sampled_from([b"/", b"/api/", b"/api/user/", b"//"]),
        nasty_bytes,
        st.booleans(),
        st.sampled_from([b"*/*", b"text/html"]),
    )
    def ask(method: bytes, prefix: bytes, code: bytes, raw: bool, accept: bytes) -> None:
        # What cannot stand in a request line at all is test_fuzz_wire's.
        encoded = quote_from_bytes(code, safe="/?#%;").encode()
        path = code if raw and not set(code) & set(range(33)) and code.isascii() else encoded
        answer = asker.ask(method, prefix + path, [(b"Accept", accept)])
        assert_sound(answer.status, answer.headers, answer.body, page=accept == b"text/html")

    ask()
    assert asker.asked >= volume.inputs


@volumes
def test_targets(asker: Asker, volume: Volume) -> None:
    parts = st.one_of(
        any_text, st.sampled_from(["e.com", "[::1]", "127.1", "президент.рф", "a..b"])
    )

    @inputs(volume)
    @given(
        st.sampled_from(["", "https://", "http:", "HTTP://", "javascript:", "//", "https:\\\\"]),
        parts,
        st.sampled_from(["", "/", ":80", ":99999", "/%", "?q=%0d%0a", "#", "@s.example", "\\"]),
        any_text,
    )
    def ask(scheme: str, host: str, joint: str, rest: str) -> None:
        url = scheme + host + joint + rest
        body = json.dumps({"url": url}).encode()
        made = asker.ask(b"POST", b"/api/", [JSON_TYPE], body)
        assert_sound(made.status, made.headers, made.body, page=False)
        assert made.status in {200, 201, 400}, (url, made)
        if made.status != 400:
            follow(asker, json.loads(made.body)["short_code"], url)

    ask()
    assert asker.asked >= volume.inputs


def follow(asker: Asker, code: str, url: str) -> None:
    """Follow a link that was just made: whatever was accepted can be sent as a header."""
    told = asker.ask(b"GET", b"/api/" + code.encode())
    assert json.loads(told.body)["url"].endswith(url.strip(" ")), (url, told)
    answer = asker.ask(b"GET", b"/" + code.encode())
    assert answer.status == 302, (url, answer)
    assert answer.headers["location"].lower().startswith(("http://", "https://")), (url, answer)
    assert answer.headers["location"].isascii(), (url, answer)
    assert answer.headers["location"].isprintable(), (url, answer)


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1", "cp037"]
TYPES = [
    b"application/json", b"application/json; charset=utf-16", b"application/vnd.api+json", b"",
    b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data", b"\xff",
    b"application/json; charset=\xff", b"application/json, text/html", b"application/xml",
]  # fmt: skip
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), any_text),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(any_text, inner, max_size=3)
    ),
    max_leaves=8,
)
fields = st.sampled_from(["url", "email", "password", "username"])


def encoded(value: Any, encoding: str, cut: int) -> bytes:
    text = json.dumps(value, ensure_ascii=False)
    codecs.lookup(encoding)
    return text.encode(encoding, "replace")[: None if cut == 0 else -cut]


bodies = st.one_of(
    st.binary(max_size=200),
    st.builds(
        encoded,
        st.one_of(st.dictionaries(fields, json_values, max_size=4), json_values),
        st.sampled_from(ENCODINGS),
        st.sampled_from([0, 0, 0, 1, 2]),
    ),
    st.sampled_from([b"[" * 50_000, b'{"url":' * 10_000, b'"' + b"a" * 140_000, b"1e999", b"NaN"]),
    st.sampled_from([b'{"url":1,"url":"e.com"}', b"\x1f\x8b\x08\x00", b"<!DOCTYPE x SYSTEM 'x'>"]),
)


@volumes
@pytest.mark.parametrize("path", [b"/api/", b"/api/signup", b"/api/login"])
def test_bodies(asker: Asker, path: bytes, volume: Volume) -> None:
    @inputs(volume)
    @given(st.sampled_from(TYPES), st.sampled_from([b"", b"gzip", b"br"]), bodies)
    def ask(media_type: bytes, coding: bytes, body: bytes) -> None:
        headers = [(b"Content-Type", media_type), (b"Content-Encoding", coding)]
        answer = asker.ask(b"POST", path, headers, body)
        assert_sound(answer.status, answer.headers, answer.body, page=False)
        assert answer.status in {200, 201, 400, 401, 409, 413, 415}, (body, answer)

    ask()
    assert asker.asked >= volume.inputs


@volumes
def test_headers(asker: Asker, volume: Volume) -> None:
    names = st.one_of(
        st.sampled_from(HEADERS),
        st.text(string.ascii_letters + string.digits + "-_.!#$%&'*+^`|~", min_size=1, max_size=20)
        .map(str.encode)
        .filter(lambda name: name.lower() not in FRAMING),
    )

    @inputs(volume)
    @given(
        st.sampled_from([b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"TRACE", b"PROPFIND", b"get"]),
        st.sampled_from(PATHS),
        st.lists(st.tuples(names, st.one_of(header_value, nasty_value)), max_size=12),
    )
    def ask(method: bytes, path: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        answer = asker.ask(method, path, headers)
        assert_sound(answer.status, answer.headers, answer.body, page=True)

    ask()
    assert asker.asked >= volume.inputs


FRAMING = {b"content-length", b"transfer-encoding", b"host", b"connection", b"expect"}
nasty_value = st.sampled_from(
    [
        b"Bearer " + b"a" * 3000, b"Bearer a.b.c", b"Basic Og==", b"bytes=0-", b"bytes=9-1", b"W/",
        b"text/html;q=nan", b"text/html;q=1e9", b"*/*;q=-1", b"a" * 8000, b"1.1.1.1, , ,",
        b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"\xf0\x9f\x99\x82", b"null", b"https://",
        b"Thu, 01 Jan 1970 00:00:00 GMT", b"=;=;=", b"a=b; c", b"for=\"[::1]\";proto=x",
    ]
)  # fmt: skip
