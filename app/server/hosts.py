"""Refuse requests without a valid `Host` (RFC 9112, section 3.2), which gunicorn's parser takes."""

from __future__ import annotations

import re

from gunicorn.http.errors import InvalidHeader
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

# uri-host [ ":" port ] (RFC 9110, section 7.2; RFC 3986, section 3.2.2); it may be empty.
_HOST = re.compile(
    r"(?:\[[0-9A-Za-z:.\-_~!$&'()*+,;=]+\]|(?:[0-9A-Za-z\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)"
    r"(?::[0-9]*)?"
)


class InvalidHost(InvalidHeader):  # type: ignore[misc]
    """There is no Host, or what it says is none."""


class HostedRequest(Request):  # type: ignore[misc]
    """A request that says for whom it is; two Hosts the parser refuses by itself."""

    def set_body_reader(self) -> None:
        """Finish the head; what else is wrong with it the parser has said by now."""
        super().set_body_reader()
        host = next((value for name, value in self.headers if name == "HOST"), None)
        if not is_host(host, self.version):
            raise InvalidHost("HOST", req=self)


class HostedParser(RequestParser):  # type: ignore[misc]
    """The parser of one connection."""

    mesg_class = HostedRequest


def is_host(host: str | None, version: tuple[int, int]) -> bool:
    """Tell whether a request of this version may come with this Host, or with none."""
    if host is None:
        return version < (1, 1)
    return _HOST.fullmatch(host) is not None
