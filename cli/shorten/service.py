"""The service over HTTP: limits of time, what is asked again, and errors in plain words."""

from __future__ import annotations

import importlib.metadata
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from requests.auth import AuthBase

from shorten.calls import IDEMPOTENCY_KEY, Answer, Call
from shorten.configuration import Credentials
from shorten.errors import Failure, NoShortener, Unreachable
from shorten.harmless import harmless
from shorten.patience import Patience
from shorten.refusals import failure_of, unreachable

CONNECT_S = 10.0
LARGEST_ANSWER = 32 * 1024 * 1024


class _Bearer(AuthBase):
    """Sets the header itself: with none, requests would take a password from ~/.netrc."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._credentials is not None:
            request.headers["Authorization"] = f"Bearer {self._credentials.secret}"
        return request


class Service:
    """One service, asked by one caller."""

    def __init__(
        self,
        url: str,
        credentials: Credentials | None,
        *,
        notify: Callable[[str], None] = lambda _: None,
        trace: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Settle whom to ask; `notify` hears of waits, `trace` of each request."""
        self.url = url
        self.credentials = credentials
        self.notify = notify
        self._trace = trace
        self._session = requests.Session()
        self._session.auth = _Bearer(credentials)
        version = importlib.metadata.version("fonsecaaso-shorten")
        self._session.headers.update(
            {"User-Agent": f"shorten/{version}", "Accept": "application/json"}
        )

    def call(self, call: Call) -> Answer:
        """Ask, and wait and ask again where that is right; raise Failure."""
        patience = Patience(self.notify)
        while True:
            try:
                answer = self.once(call)
            except NoShortener:
                raise
            except Unreachable as failure:
                patience.bear_silence(failure, is_repeatable=call.is_repeatable)
                continue
            if answer.status < 300:
                return answer
            patience.bear(answer, call, self._failure(answer))

    def get(self, path: str, query: Mapping[str, str | None] | None = None) -> Any:
        """Return the parsed answer to a GET; a parameter that is None is left out."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self.call(Call("GET", path, given)).body

    def create(self, path: str, body: object, key: str | None = None) -> Answer:
        """POST something new once, however often it has to be sent."""
        return self.call(
            Call("POST", path, json=body, headers={IDEMPOTENCY_KEY: key or str(uuid.uuid4())})
        )

    @contextmanager
    def stream(self, call: Call) -> Iterator[requests.Response]:
        """Ask for an answer of any length and yield it unread; raise Failure.

        Who reads it turns errors on the way into failures with `refusals.unreachable`.
        """
        patience = Patience(self.notify)
        while True:
            with self._send(call) as response:
                if response.status_code == 200:
                    yield response
                    return
                content = self._read(response, call.seconds)
            answer = Answer(response.status_code, response.headers, _parsed(response, content))
            patience.bear(answer, call, self._failure(answer))

    def once(self, call: Call) -> Answer:
        """Ask a single time and return whatever was answered; raise Unreachable."""
        with self._send(call) as response:
            content = self._read(response, call.seconds)
        if 300 <= response.status_code < 400:
            raise NoShortener(
                f"{self.url} sends elsewhere (status {response.status_code})",
                hint="is it the service's own address, with https where it has to be?",
            )
        body = _parsed(response, content)
        if response.status_code < 300 and call.wants_json and isinstance(body, bytes):
            raise NoShortener(
                f"something else than a shortener answers at {self.url}",
                hint="is the address the service's own?",
            )
        return Answer(response.status_code, response.headers, body)

    def _failure(self, answer: Answer) -> Failure:
        return failure_of(answer.status, answer.body, self.credentials)

    def _read(self, response: requests.Response, seconds: float) -> bytes:
        """Read an answer that is bounded in size and time, also where it comes byte by byte."""
        ends = time.monotonic() + seconds
        content = bytearray()
        try:
            for piece in response.iter_content(64 * 1024):
                content += piece
                if len(content) > LARGEST_ANSWER:
                    raise NoShortener("the answer is larger than any that makes sense")
                if time.monotonic() > ends:
                    raise Unreachable(f"the answer was not complete after {seconds:.0f} s")
        except requests.RequestException as error:
            raise unreachable(self.url, error) from None
        return bytes(content)

    def _send(self, call: Call) -> requests.Response:
        begin = time.monotonic()
        outcome = "no answer"
        try:
            response = self._session.request(
                call.method,
                self.url + call.path,
                params=dict(call.query),
                json=call.json,
                data=call.content,
                headers=dict(call.headers),
                timeout=(min(CONNECT_S, call.seconds), call.seconds),
                allow_redirects=False,
                stream=True,
            )
            request_id = harmless(response.headers.get("X-Request-ID", "-"))[:64]
            outcome = f"{response.status_code}, request {request_id}"
        except (requests.RequestException, ValueError) as error:
            raise unreachable(self.url, error) from None
        finally:
            # Neither headers nor bodies nor the query: secrets, and other people's links.
            spent = (time.monotonic() - begin) * 1000
            self._trace(f"{call.method} {harmless(call.path)}: {outcome}, {spent:.0f} ms")
        return response


def _parsed(response: requests.Response, content: bytes) -> Any:
    if not content:
        return None
    kind = response.headers.get("Content-Type", "")
    if "json" not in kind:
        return content
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise NoShortener("the answer is no JSON") from None


def is_done(answer: Answer) -> bool:
    """Tell whether something was made that was not there before."""
    return answer.status == 201


def expect(body: Any, name: str) -> Any:
    """Return a member of an answer; raise Failure where another kind of service answered."""
    if not isinstance(body, dict) or name not in body:
        raise Failure("the service's answer lacks what it should hold; is it an older release?")
    return body[name]
