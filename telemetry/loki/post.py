"""One HTTP request to Loki, over a kept connection."""

from __future__ import annotations

import requests

from telemetry.exchanges import Exchanges, retry_after
from telemetry.loki.push import Answer
from telemetry.peers import Peer

_HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


class LokiPost:
    """POSTs bodies to one URL; follows no redirect and reads no more than the head."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.peer = Peer(url)
        self._session = Exchanges()

    def __call__(self, body: bytes, timeout: float) -> Answer:
        """Return the answer, status 0 if there was none within `timeout` seconds."""
        try:
            answer = self._session.exchange(
                "POST",
                self._url,
                _answer,
                seconds=timeout,
                data=body,
                headers=_HEADERS,
                allow_redirects=False,
            )
        except Exception as error:  # noqa: BLE001  # whatever the transport raises: no answer
            self.peer.failed(error)
            return Answer(0)
        if answer.status != requests.codes.no_content:
            self.peer.answered(answer.status)
        return answer

    def reset(self) -> None:
        """Drop the connections: after a fork they are the parent's."""
        self._session = Exchanges()


def _answer(response: requests.Response) -> Answer:
    if response.status_code == requests.codes.no_content:
        response.raw.drain_conn()  # nothing to read: the connection can be used again
    return Answer(response.status_code, retry_after(response.headers.get("Retry-After")))
