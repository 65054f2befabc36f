"""`make trace`: make one request and show its trace id in its log line, its trace, its metric."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import requests

from local.observability.keeper import QUERY_PATH, TRACE_PATH
from local.observability.run import Observed

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60.0
"""Seconds for each signal: two exports, two scrapes, and some for a busy machine."""

_POLL_S = 0.2
_DURATION = "http_server_request_duration_seconds_bucket"
_TRACE_ID = re.compile(r'"trace_id":"([0-9a-f]{32})"')
_LABEL = re.compile(r'(http_route|http_response_status_code|le)="([^"]*)"')

T = TypeVar("T")


class NotFound(Exception):
    """A signal did not come; the text says which and where it was looked for."""


class Tracer:
    """Follows one request through what a run keeps of it."""

    def __init__(self, observed: Observed, limit: float = LIMIT) -> None:
        self._observed = observed
        self._limit = limit
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy is between us and loopback

    def request(self) -> tuple[str, str]:
        """Shorten a URL; return what came back and the answer's request id."""
        url = f"{self._observed.service}/api/"
        answer = self._session.post(url, json={"url": "https://example.com/"}, timeout=10)
        return f"POST {url} answered {answer.status_code}", answer.headers["X-Request-ID"]

    def line(self, request_id: str) -> tuple[str, str]:
        """Return the request's last log line and the trace id in it."""
        place = self._observed.keeper + QUERY_PATH
        query = f'{{service_name=~".+"}} |= "Request completed" | request_id="{request_id}"'

        def look() -> tuple[str, str] | None:
            for stream in self._get(place, query=query)["data"]["result"]:
                text: str = stream["values"][0][1]
                found = _TRACE_ID.search(text)
                if found:
                    return text, found[1]
            return None

        return self._await(look, f"the log line, at {place}")

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the spans of the trace, once the request's own is among them."""
        place = f"{self._observed.keeper}{TRACE_PATH}{trace_id}"

        def look() -> list[dict[str, Any]] | None:
            spans: list[dict[str, Any]] = self._get(place)["spans"]
            return spans if any(span["kind"] == "server" for span in spans) else None

        return self._await(look, f"the trace, at {place}")

    def exemplar(self, trace_id: str) -> Mapping[str, str]:
        """Return the labels of the bucket that has the trace id for its exemplar."""
        if self._observed.prometheus is None:
            return self._await(
                lambda: self._exemplar_on_page(trace_id), f"the metric, on {self._observed.page}"
            )
        place = f"{self._observed.prometheus}/api/v1/query_exemplars"
        begun = time.time()

        def look() -> Mapping[str, str] | None:
            found = self._get(place, query=_DURATION, start=begun - self._limit, end=time.time())
            for series in found["data"]:
                if any(each["labels"].get("trace_id") == trace_id for each in series["exemplars"]):
                    labels: Mapping[str, str] = series["seriesLabels"]
                    return labels
            return None

        return self._await(look, f"the metric, at {place}")

    def _exemplar_on_page(self, trace_id: str) -> Mapping[str, str] | None:
        headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
        page = self._session.get(self._observed.page, headers=headers, timeout=10).text
        for line in page.splitlines():
            if line.startswith(_DURATION) and trace_id in line:
                return dict(_LABEL.findall(line))
        return None

    def _get(self, url: str, **parameters: object) -> Any:
        return self._session.get(url, params=parameters, timeout=10).json()  # type: ignore[arg-type]

    def _await(self, look: Callable[[], T | None], what: str) -> T:
        deadline = time.monotonic() + self._limit
        while (found := look()) is None:
            if time.monotonic() > deadline:
                message = f"not within {self._limit:.0f} s: {what}"
                raise NotFound(message)
            time.sleep(_POLL_S)
        return found


def main(environment: Mapping[str, str]) -> int:
    """Follow one request and print where its trace id is; return the exit status."""
    folder = Path(environment.get("LOCAL_DIR") or ROOT / ".local")
    try:
        tracer = Tracer(Observed.read(folder))
        answered, request_id = tracer.request()
        print(f"request  {answered}, X-Request-ID {request_id}", flush=True)
        line, trace_id = tracer.line(request_id)
        print(f"log      {trace_id}  {line}", flush=True)
        spans = tracer.spans(trace_id)
        names = ", ".join(f"{span['name']} ({span['duration_ms']:.1f} ms)" for span in spans)
        print(f"trace    {trace_id}  {names}", flush=True)
        labels = tracer.exemplar(trace_id)
        shown = ", ".join(f'{name}="{labels[name]}"' for name in ("http_route", "le"))
        print(f"metric   {trace_id}  {_DURATION}{{{shown}}}", flush=True)
    except FileNotFoundError:
        print("make observe does not run here: start it first", file=sys.stderr)
        return 1
    except (NotFound, requests.RequestException) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
