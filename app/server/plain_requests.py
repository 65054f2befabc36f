"""Requests without anything unusual, taken apart in one look; gunicorn's parser takes the others.

Nothing is refused here: whatever is not plain, or not allowed, is None, and gunicorn's parser says
what to do about it. tests/server/test_plain_requests.py holds both to the same decisions.
"""

from __future__ import annotations

import os
import re
from io import BytesIO
from typing import Any

from gunicorn.http.wsgi import base_environ
from gunicorn.util import unquote_to_wsgi_str

from app.server.hosts import is_host

# RFC 9112, sections 3 and 5, less what needs a second look: no fragment, no "//" in front, and
# names without "_", which no environ can tell from "-".
_HEAD = re.compile(
    rb"((?!CONNECT )[A-Z]{3,20}+) (/(?!/)[!\"$-~]*+) HTTP/1\.([01])\r\n"
    rb"((?:[!#$%&'*+\-.^`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+\r\n)*+)\r\n"
)
_LENGTH = re.compile(r"[0-9]{1,4}|[12][0-9]{4}", re.ASCII)  # less than framing.HELD
_UNUSUAL = frozenset({"HTTP_EXPECT", "HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE"})
_UNLIMITED = 1 << 30
_KNOWN_NAMES = 512
_LONGEST_KNOWN = 64
_KEEPS = {"close": False, "keep-alive": True}


# Settings of gunicorn's that let its parser take what is refused or changed by default.
_MUST_BE_FALSE = (
    "is_ssl",
    "permit_obsolete_folding",
    "strip_header_spaces",
    "casefold_http_method",
    "secure_scheme_headers",
)


def common_environ(cfg: Any) -> dict[str, Any] | None:
    """Return what is the same in the environ of every request; None: none is plain."""
    script_name = os.environ.get("SCRIPT_NAME", "")
    unusual = script_name or any(getattr(cfg, name) for name in _MUST_BE_FALSE)
    if unusual or cfg.proxy_protocol != "off" or cfg.protocol != "http":
        return None
    return {
        **base_environ(cfg),
        "wsgi.multithread": True,
        "wsgi.url_scheme": "http",
        "SCRIPT_NAME": script_name,
    }


class PlainRequest:
    """One request; also what gunicorn's Response wants to know of it."""

    __slots__ = ("body_at", "end", "environ", "keeps", "method", "version")

    def __init__(self, method: str, minor: str, environ: dict[str, Any], *, body_at: int) -> None:
        self.method = method
        self.version = (1, int(minor))
        self.environ = environ
        self.keeps = _KEEPS.get(environ.get("HTTP_CONNECTION", "").lower(), minor == "1")
        length = environ.get("CONTENT_LENGTH", "0")
        self.body_at = body_at
        self.end = body_at + int(length) if _LENGTH.fullmatch(length) else -1
        """Where the next request begins; -1 if it has no length one can wait for."""

    def should_close(self) -> bool:
        """Tell whether the client wants the connection closed (RFC 9112, section 9.3)."""
        return not self.keeps

    def take_body(self, received: bytes) -> bytes:
        """Take the body out of what has been received, and return what follows it."""
        self.environ["wsgi.input"] = BytesIO(received[self.body_at : self.end])
        return received[self.end :]


class PlainRequests:
    """Reads requests under gunicorn's limits."""

    def __init__(self, cfg: Any) -> None:
        self._longest_line = cfg.limit_request_line or _UNLIMITED
        self._longest_field = cfg.limit_request_field_size or _UNLIMITED
        self._most_fields = cfg.limit_request_fields
        self._keys: dict[str, str] = {}

    def read(self, received: bytes, base: dict[str, Any]) -> PlainRequest | None:
        """Return the request that begins there, whose body may not have come whole.

        `base` is what its environ has in common with others of its connection.
        """
        found = _HEAD.match(received)
        if found is None:
            return None
        method, target, minor, block = found.groups()
        # The line has "HTTP/1.x" and two spaces beside; no field is longer than all of them.
        allowed = (
            len(method) + len(target) + 10 <= self._longest_line
            and len(block) <= self._longest_field
            and block.count(b"\r\n") <= self._most_fields
        )
        environ = base.copy()
        if not allowed or not self._add_fields(environ, block.decode("latin-1")):
            return None
        request = PlainRequest(method.decode(), minor.decode(), environ, body_at=found.end())
        if not is_host(environ.get("HTTP_HOST"), request.version) or request.end < 0:
            return None
        uri = target.decode()
        path, _, query = uri.partition("?")
        environ["REQUEST_METHOD"] = request.method
        environ["RAW_URI"] = uri
        environ["PATH_INFO"] = unquote_to_wsgi_str(path) if "%" in path else path
        environ["QUERY_STRING"] = query
        environ["SERVER_PROTOCOL"] = "HTTP/1." + minor.decode()
        return request

    def _add_fields(self, environ: dict[str, Any], block: str) -> bool:
        keys = self._keys
        for line in block.split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            key = keys.get(name) or self._key(name)
            if key in environ or key in _UNUSUAL:
                return False  # also a field that came twice
            environ[key] = value.strip(" \t")
        return True

    def _key(self, name: str) -> str:
        upper = name.upper().replace("-", "_")
        key = upper if upper in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_" + upper
        if len(self._keys) < _KNOWN_NAMES and len(name) <= _LONGEST_KNOWN:
            self._keys[name] = key
        return key
