"""Findings as a table for people and as JSON for machines, with every secret taken out."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from app.doctor.findings import Finding, Status
from app.doctor.run import Examined

MASK = "***"
EXIT_OK, EXIT_FAIL, EXIT_USAGE, EXIT_WARN = 0, 1, 2, 3

_COLOURS = {Status.OK: "32", Status.WARN: "33", Status.FAIL: "31;1", Status.SKIP: "2"}
_STATUS_WIDTH = 6
_NARROWEST = 60


def overall(findings: Iterable[Finding]) -> Status:
    """Return the worst status; rows that were skipped worry nobody."""
    statuses = {finding.status for finding in findings}
    for status in (Status.FAIL, Status.WARN):
        if status in statuses:
            return status
    return Status.OK


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 0 when all is well, 1 when something fails, 3 when something only warns."""
    return {Status.FAIL: EXIT_FAIL, Status.WARN: EXIT_WARN}.get(overall(findings), EXIT_OK)


def masked(text: str, secrets: Sequence[str]) -> str:
    """Return the text without any of the secrets: the last guard, checks print none anyway.

    Nor with anything that a terminal obeys: names of sessions and the like are others' words.
    """
    text = "".join(each if each.isprintable() else "?" for each in text)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def as_json(examined: Sequence[Examined], seconds: float, secrets: Sequence[str]) -> str:
    """Return one object, see docs/doctor.schema.json."""
    checks = [
        {
            "check": finding.check,
            "status": finding.status.value,
            "found": masked(finding.found, secrets),
            "cause": masked(finding.advice.cause, secrets) if finding.advice else None,
            "next": masked(finding.advice.next, secrets) if finding.advice else None,
            "seconds": each.seconds,
        }
        for each in examined
        for finding in each.findings
    ]
    status = overall(finding for each in examined for finding in each.findings)
    body = {"status": status.value, "seconds": round(seconds, 3), "checks": checks}
    return json.dumps(body, indent=2)


def as_table(
    examined: Sequence[Examined],
    seconds: float,
    secrets: Sequence[str],
    *,
    width: int,
    colour: bool,
) -> str:
    """Return one row a finding, and under it what to do; commands are never wrapped."""
    findings = [finding for each in examined for finding in each.findings]
    name_width = max(len(finding.check) for finding in findings) + 2
    indent = " " * (_STATUS_WIDTH + name_width)
    lines = [f"{'':{_STATUS_WIDTH}}{'CHECK':{name_width}}FOUND, LIKELY CAUSE, NEXT COMMAND"]
    room = max(width, _NARROWEST) - len(indent)
    for finding in findings:
        word = _painted(finding.status, colour)
        first, *more = _wrapped(masked(finding.found, secrets), room)
        lines.append(f"{word}{finding.check:{name_width}}{first}")
        lines += [indent + line for line in more]
        if finding.advice is not None:
            cause = _wrapped("cause: " + masked(finding.advice.cause, secrets), room)
            lines += [indent + line for line in cause]
            lines.append(f"{indent}next:  {masked(finding.advice.next, secrets)}")
    return "\n".join([*lines, "", _summary(findings, seconds)])


def _painted(status: Status, colour: bool) -> str:
    word = status.value.upper() if status in {Status.FAIL, Status.WARN} else status.value
    padded = f"{word:{_STATUS_WIDTH}}"
    return f"\033[{_COLOURS[status]}m{padded}\033[0m" if colour else padded


def _wrapped(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def _summary(findings: Sequence[Finding], seconds: float) -> str:
    count = Counter(finding.status for finding in findings)
    words = [
        (Status.FAIL, "failed"),
        (Status.WARN, "to look at"),
        (Status.OK, "ok"),
        (Status.SKIP, "not looked at"),
    ]
    parts = [f"{count[status]} {word}" for status, word in words if count[status]]
    return f"{', '.join(parts)}; {seconds:.1f} s"
