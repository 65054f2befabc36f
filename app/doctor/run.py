"""Run checks side by side; a check that hangs is left behind, not waited for."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.doctor.findings import Check, Finding, Progress, fail, skip

LIMIT = 2.0
"""Seconds for each check."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The findings of one check and how long it took."""

    findings: tuple[Finding, ...]
    seconds: float
    hung: bool
    """Its thread is still at it."""


class _Running:
    """One check in a thread of its own.

    A plain daemon thread, for an executor waits for its threads at the end of the process, and
    nothing wakes a thread from a name server that does not answer.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._progress = Progress()
        self._findings: list[Finding] = []
        self._crash: str | None = None
        self._begun = time.monotonic()
        self._ended = 0.0
        self._thread = threading.Thread(target=self._work, name=check.rows[0], daemon=True)
        self._thread.start()

    def result(self, limit: float) -> Examined:
        """Wait until `limit` seconds after the start and return what there is."""
        self._thread.join(max(0.0, self._begun + limit - time.monotonic()))
        hung = self._thread.is_alive()
        # What a thread that was given up on adds later belongs to nobody.
        findings = list(self._findings)
        missing = self._check.rows[len(findings) :]
        if missing and hung:
            step, advice = self._progress.step, self._progress.advice
            found = f"no answer within {limit:g} s while {step}"
            findings.append(fail(missing[0], found, advice.cause, advice.next))
        elif missing and self._crash is not None:
            cause = "an answer that nobody foresaw, or a fault in doctor itself"
            found = f"{self._crash} while {self._progress.step}"
            findings.append(fail(missing[0], found, cause, self._progress.advice.next))
        reason = findings[-1].check if findings else self._check.rows[0]
        findings += [
            skip(row, f"not looked at, see {reason}") for row in self._check.rows[len(findings) :]
        ]
        seconds = limit if hung else self._ended - self._begun
        return Examined(tuple(findings), round(seconds, 3), hung)

    def _work(self) -> None:
        try:
            for finding in self._check.ask(self._progress):
                self._findings.append(finding)
        except Exception as error:  # noqa: BLE001  # one check must not take the others along
            self._crash = type(error).__name__  # never the text: it may hold anything
        self._ended = time.monotonic()


def run(checks: Sequence[Check], limit: float = LIMIT) -> list[Examined]:
    """Return what each check found, in order, after `limit` seconds at the latest."""
    running = [_Running(check) for check in checks]
    return settled([each.result(limit) for each in running])


def settled(examined: Sequence[Examined]) -> list[Examined]:
    """Let the rows that show consequences point to those that have the causes."""
    rows = {finding.check: finding for each in examined for finding in each.findings}
    return [
        dataclasses.replace(
            each,
            findings=tuple(
                finding.settle(rows) if finding.settle else finding for finding in each.findings
            ),
        )
        for each in examined
    ]
