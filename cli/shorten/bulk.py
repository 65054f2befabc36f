"""Many links at once, one address a line; one that is refused does not keep out the others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shorten.errors import Failure, PartlyDone
from shorten.output import Output
from shorten.service import Service, expect
from shorten.session import Session

_MOST = 100
"""Links of one request: what the rate limit counts as one."""


class _Count:
    """How many were asked for, and how many refused."""

    asked = 0
    refused = 0


def add_many(session: Session, given: Mapping[str, Any], lines: Iterable[bytes]) -> None:
    """Make a link for each line, all with the same fields; raise Failure for what is refused."""
    service, output, count = session.own_service, session.output, _Count()
    urls = _urls(lines, output, count)
    while batch := list(itertools.islice(urls, _MOST)):
        body = {"links": [{**given, "url": url} for url in batch]}
        answers = expect(service.create("/api/links/bulk", body).body, "links")
        for url, answer in zip(batch, answers, strict=True):
            count.refused += "short_code" not in answer
            _tell(output, service, url, answer)
    if count.refused:
        kind = Failure if count.refused == count.asked else PartlyDone
        raise kind(f"refused: {count.refused:,} of {count.asked:,}; the lines above say why")


def _urls(lines: Iterable[bytes], output: Output, count: _Count) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        count.asked += 1
        try:
            yield line.decode().strip()
        except UnicodeDecodeError:
            count.refused += 1
            output.say(f"line {number}: it is no UTF-8")


def _tell(output: Output, service: Service, url: str, answer: Mapping[str, Any]) -> None:
    if output.as_json:
        output.json_line({"url": url, **answer})
    elif "short_code" in answer:
        link = answer.get("link") or {}
        output.row([link.get("short_url", f"{service.url}/{answer['short_code']}"), url])
    else:
        output.say(f"{url}: {answer.get('error', 'refused')}")
