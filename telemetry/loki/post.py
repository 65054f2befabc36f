"""One HTTP request to Loki, over a kept connection."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import requests

from telemetry.loki.push import Answer
from telemetry.peers import Peer

_HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


class LokiPost:
    """POSTs bodies to one URL; follows no redirect and reads no more than the head."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.peer = Peer(url)
        self._session = requests.Session()

    def __call__(self, body: bytes, timeout: float) -> Answer:
        """Return the answer, status 0 if there was none within `timeout` seconds."""
        try:
            response = self._session.post(
                self._url,
                data=body,
                headers=_HEADERS,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            )
        except (requests.RequestException, OSError, ValueError) as error:
            self.peer.failed(error)
            return Answer(0)
        try:
            if response.status_code == requests.codes.no_content:
                response.raw.drain_conn()  # nothing to read: the connection can be used again
            else:
                self.peer.answered(response.status_code)
            return Answer(response.status_code, retry_after(response.headers.get("Retry-After")))
        finally:
            response.close()

    def reset(self) -> None:
        """Drop the connections: after a fork they are the parent's."""
        self._session = requests.Session()


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, section 10.2.3), or None."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
