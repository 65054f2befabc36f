"""Whether Loki takes a line as the service sends it, and gives it back."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from app.doctor.findings import Finding, Progress, fail, ok, skip, warn
from app.doctor.http_answers import REQUEST_WAIT, advice_for, failure, reach_for
from app.doctor.network import Peer, Unreachable, is_http_url
from app.doctor.peers import loki
from app.doctor.situation import Situation
from telemetry.lines import Renderer
from telemetry.loki.payload import encode

ROWS = ("loki push", "loki query")
PUSH, QUERY = ROWS

_HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
_BLOCKED = 260
_WRONG_PATH = frozenset({200, 404, 405})
_PUSH_PATHS = ("/loki/api/v1/push", "/observability/loki/api/v1/push")
"""On Loki's own port, and where the released proxy of the observability service has it."""
_POLL = 0.1
_SEARCH_WAIT = 1.4
"""Seconds; push and search share the two of a check."""
_API_PATH = re.compile(r"/loki/api/v1(/[a-z_]*)?/*$|/+$")


def check_loki(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Push one line; where a query address is given, wait until it is found."""
    query_url = situation.loki_query_url
    wrong = situation.wrong("LOKI_")
    url, peer = situation.config.loki_endpoint, loki(situation)
    if wrong:
        yield skip(PUSH, f"{', '.join(wrong)} cannot be used, see configuration")
        return
    if url is None or peer is None:
        yield from _unconfigured(situation)
        return
    mark = secrets.token_hex(12)
    pushed = _push(url, peer, mark, situation, progress)
    yield pushed
    if not query_url:
        yield skip(QUERY, "no query address: give LOKI_QUERY_URL or --loki-query-url")
    elif pushed.advice is not None:
        yield skip(QUERY, f"nothing to find, see {PUSH}")
    else:
        yield _search(query_url, mark, situation, progress)


def _unconfigured(situation: Situation) -> Iterator[Finding]:
    if situation.local:
        yield skip(PUSH, "LOKI_ENDPOINT is not set: logs go to stdout alone")
    else:
        then = "Set LOKI_ENDPOINT in task-definition.json, then release"
        yield warn(PUSH, "LOKI_ENDPOINT is not set", "logs go to stdout alone", then)
    yield skip(QUERY, f"nothing to find, see {PUSH}")


def _push(url: str, peer: Peer, mark: str, situation: Situation, progress: Progress) -> Finding:
    try:
        reach_for(url, peer, progress)
        cause = "it accepts connections and does not answer: frozen or overloaded"
        progress.at(f"waiting for {peer.shown} to take a line", cause, peer.start)
        status = _request("POST", url, peer, data=_body(mark, situation), headers=_HEADERS)[0]
    except Unreachable as error:
        return error.finding(PUSH)
    found = f"{peer.shown} answered {status} to a line"
    if status == requests.codes.no_content:
        return ok(PUSH, f"{found}: accepted")
    if status == _BLOCKED:
        cause = "ingestion is blocked for this tenant (blockIngestionUntil in Loki's limits)"
        return fail(PUSH, found, cause, "Lift the block in Loki's limits")
    if status in _WRONG_PATH:
        return _elsewhere(url, found, peer, mark, situation)
    advice = advice_for(status, peer)
    cause = advice.cause
    if status == requests.codes.bad_request:
        cause = "Loki refuses the line: clocks apart, too many labels or streams, or no tenant"
    return fail(PUSH, found, cause, advice.next)


def _elsewhere(url: str, found: str, peer: Peer, mark: str, situation: Situation) -> Finding:
    """Say which address takes a line: Loki's own, or that behind a proxy's path, as released."""
    parts = urlsplit(url)
    found = f"{found} at {parts.path or '/'}"
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    others = [path for path in _PUSH_PATHS if path != parts.path]
    for path in others:
        target = parts._replace(path=path).geturl()
        if _takes(target, peer, mark, situation):
            cause = f"LOKI_ENDPOINT is not the push address: {path} takes lines there"
            return fail(PUSH, found, cause, f"Set LOKI_ENDPOINT to {origin}{path}")
    if len(others) == len(_PUSH_PATHS):
        cause = f"LOKI_ENDPOINT is not the push address: it ends in {_PUSH_PATHS[0]}"
    else:
        cause = "another program has this port, or a proxy there knows Loki by another path"
    cause += f"; {' and '.join(others)} took no line there either"
    return fail(PUSH, found, cause, "Compare LOKI_ENDPOINT with docs/operations.md")


def _takes(url: str, peer: Peer, mark: str, situation: Situation) -> bool:
    try:
        status = _request("POST", url, peer, data=_body(mark, situation), headers=_HEADERS)[0]
    except Unreachable:
        return False
    return bool(status == requests.codes.no_content)


def _body(mark: str, situation: Situation) -> bytes:
    """Return the body of a push with one line, by the service's own code."""
    config = situation.config
    record = logging.LogRecord(
        "app.doctor", logging.INFO, "", 0, f"A line of doctor, to be found by {mark}", (), None
    )
    line = Renderer(config.service_name, config.environment).record(record)
    line.timestamp = time.time_ns()
    return encode([line], _labels(situation))


def _labels(situation: Situation) -> dict[str, str]:
    config = situation.config
    return {"service_name": config.service_name, "environment": config.environment}


def _search(url: str, mark: str, situation: Situation, progress: Progress) -> Finding:
    if not is_http_url(url):
        cause = "such as http://loki:3100"
        return fail(QUERY, "LOKI_QUERY_URL is no http or https URL", cause, "Give it whole")
    peer = loki(situation, url)
    if peer is None:
        return skip(QUERY, "no query address")
    labels = ",".join(f"{name}={json.dumps(held)}" for name, held in _labels(situation).items())
    now = time.time_ns()
    parameters = {
        "query": f'{{{labels}}} |= "{mark}"',
        "start": str(now - 60 * 10**9),
        "end": str(now + 60 * 10**9),
        "limit": "1",
    }
    cause = "Loki takes lines and does not answer queries: its querier is overloaded"
    progress.at(f"searching the line at {peer.shown}", cause, peer.start)
    deadline = time.monotonic() + _SEARCH_WAIT
    try:
        while True:
            target = f"{_base(url)}/loki/api/v1/query_range"
            status, body = _request("GET", target, peer, params=parameters)
            if status != requests.codes.ok:
                advice = advice_for(status, peer)
                return fail(QUERY, f"{peer.shown} answered {status}", advice.cause, advice.next)
            if mark.encode() in _results(body):
                return ok(QUERY, f"the line was found at {peer.shown}")
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)
    except Unreachable as error:
        return error.finding(QUERY)
    cause = "another Loki or tenant than the one that took it, or its ingester lags"
    return fail(
        QUERY,
        f"the line is not at {peer.shown}",
        cause,
        "Compare LOKI_QUERY_URL with LOKI_ENDPOINT",
    )


def _results(body: bytes) -> bytes:
    """Return the streams of an answer without the statistics, which may repeat the query."""
    try:
        return json.dumps(json.loads(body)["data"]["result"]).encode()
    except (ValueError, LookupError, TypeError):
        return b""


def _base(url: str) -> str:
    """Return scheme, host and port, and the path before the API's own; no credentials."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{_API_PATH.sub('', parts.path)}"


def _request(method: str, url: str, peer: Peer, **more: object) -> tuple[int, bytes]:
    try:
        answer = requests.request(
            method,
            url,
            timeout=REQUEST_WAIT,
            allow_redirects=False,
            **more,  # type: ignore[arg-type]
        )
    except (requests.RequestException, OSError, ValueError) as error:
        raise failure(error, peer) from None
    return answer.status_code, answer.content
