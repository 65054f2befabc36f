"""Who telemetry is sent to, and why it did not arrive there last: for people, in our own words."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

# Libraries' messages hold addresses, and URLs with what is in them: only what they mean is told.
_BY_TEXT = (
    ("name or service not known", "its name cannot be resolved"),
    ("nodename nor servname", "its name cannot be resolved"),
    ("name resolution", "its name cannot be resolved"),
    ("no address associated", "its name cannot be resolved"),
    ("refused", "it refused the connection"),
    ("unreachable", "there is no route to it"),
    ("no route", "there is no route to it"),
    ("timed out", "it did not answer in time"),
    ("reset", "it broke the connection off"),
    ("aborted", "it broke the connection off"),
    ("broken pipe", "it broke the connection off"),
    ("closed", "it broke the connection off"),
)


class Peer:
    """One address and what went wrong there last."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = parts.hostname or ""
        self._shown = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"
        self._failure = ""

    @property
    def why(self) -> str | None:
        """What is to be said of the last failure; None if there was none."""
        return f"{self._shown}: {self._failure}" if self._failure else None

    def answered(self, status: int) -> None:
        """Note an answer that was no success."""
        self._failure = f"it answered {status}"

    def failed(self, error: Exception) -> None:
        """Note that there was no answer."""
        self._failure = _meaning(error)


def _meaning(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "no TLS connection could be made"
    text = str(error).lower()
    for fragment, meaning in _BY_TEXT:
        if fragment in text:
            return meaning
    return f"the request failed ({type(error).__name__})"
