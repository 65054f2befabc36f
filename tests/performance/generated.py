"""Requests as clients, proxies and scanners send them: bytes, then what gunicorn makes of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "AlwaysOn",
    "curl/8.5.0",
    "",
    "agent with \xe9",
)
# Of each header the values that are sent, the usual ones more often.
HEADERS: dict[str, tuple[str, ...]] = {
    "Host": ("s.example", "s.example:8443", "[2001:db8::1]:8443", "a..b", "a b", "x" * 70, ""),
    "User-Agent": AGENTS,
    "Accept": ("*/*", "text/html,application/xhtml+xml;q=0.9", "application/json"),
    "Origin": ("https://fonsecaaso.com", "https://evil.example", "null", ""),
    "X-Request-ID": ("req-1", "with space", "x" * 129, "é", "_-.", ""),
    "X-Forwarded-For": (
        "203.0.113.7",
        "203.0.113.8:4711",
        "198.51.100.1, 203.0.113.9",
        "2001:db8::7",
        "[2001:db8:0:1::7]:99, unknown",
        "unknown",
        ", ,",
        "",
        "::ffff:203.0.113.7",
    ),
    "X-Forwarded-Proto": ("https", "http", "https, http", "gopher", '"https"', ""),
    "X-Forwarded-Host": ("elsewhere.example",),
    "X-Amzn-Trace-Id": ("Root=1-67891233-abcdef012345678912345678", "<bad>", ""),
    "Traceparent": (
        f"00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-00",
        f"00-{TRACE}-{PARENT}-03",
        "00-zz-yy-01",
        "",
    ),
    "Tracestate": ("a=b,c=d", "malformed"),
    "Baggage": ("a=1,b=2", "%%%"),
    "Content-Length": ("0",),
    "Upgrade": ("websocket", "h2c"),
    "Connection": ("close", "keep-alive", "Upgrade"),
    "Access-Control-Request-Method": ("POST",),
    "Access-Control-Request-Headers": ("Content-Type",),
    "If-None-Match": ('"x"',),
    "Range": ("bytes=0-1",),
    "Authorization": ("Bearer nobody",),
    "Cookie": ("a=b",),
    "X-Http-Method-Override": ("DELETE",),
}
_USUAL = frozenset({"Host", "User-Agent", "Accept", "X-Forwarded-For", "Origin"})
METHODS = ("GET", "GET", "GET", "GET", "GET", "HEAD", "HEAD", "POST", "OPTIONS", "DELETE", "BREW")
PATHS = (
    "/{}",
    "/{}",
    "/{}",
    "/api/{}",
    "/api/{}",
    "/api/{}",
    "/{}/",
    "/api/{}/",
    "/{}?a=b&c",
    "/api/{}?secret=1",
    "//{}",
    "/api//{}",
    "/{}//",
    "/{}/x",
    "/API/{}",
    "/api/{}%2F",
    "/%61{}",
    "/{}%2F%2f",
    "//api%2F%2F{}",
    "//{}%2F",
    "/{}%20",
    "/{}%00",
    "/{}#fragment",
    "http://s.example/{}",
    "http://other.example/api/{}?q",
    "http://other.example:81/{}",
    "/x/../{}",
    "/./{}",
)
CODES = ("zzzzzz", "signup", "health", "user", "metric", "abc", "é", "api", "docs", "")
"""Codes of no link."""


class _Socket:
    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 8080)


def requests(seed: int, codes: list[str], count: int) -> Iterator[bytes]:
    """Yield requests, the same for the same seed, most of them for `codes`."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _request(chance, codes)


def _request(chance: random.Random, codes: list[str]) -> bytes:
    known = chance.random() < 0.85
    code = chance.choice(codes) if known else chance.choice(CODES)
    method = chance.choice(METHODS)
    target = chance.choice(PATHS if chance.random() < 0.5 else PATHS[:6]).format(code)
    version = chance.choice(("1.1", "1.1", "1.1", "1.0"))
    odd = chance.random() < 0.4
    lines = [f"{method} {target} HTTP/{version}"]
    for name, values in HEADERS.items():
        if chance.random() < (0.85 if name in _USUAL else 0.3 if odd else 0.04):
            value = chance.choice(values) if odd or name not in _USUAL else values[0]
            lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def environ_of(received: bytes) -> dict[str, Any] | None:
    """Return what gunicorn hands to the application, or None where it refuses the request."""
    config = Config()
    config.set("forwarded_allow_ips", "")
    try:
        request = next(RequestParser(config, iter([received]), ("10.0.0.4", 51234)))
        environ: dict[str, Any] = create(
            request, _Socket(), ("10.0.0.4", 51234), ("127.0.0.1", 8080), config
        )[1]
    except ParseException:
        return None
    return environ
