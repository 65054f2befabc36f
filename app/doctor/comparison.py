"""What running workers see of their dependencies, clocks and proxies, and what sets them apart."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from app.doctor import visits
from app.doctor.agreement import judge_secrets, judge_settings
from app.doctor.dependencies import judge_dependencies
from app.doctor.findings import Finding, fail, ok, skip, warn
from app.doctor.naming import names, share, short
from app.doctor.next_steps import replace_task
from app.doctor.postgresql import CLOCK_FAILS, CLOCK_WARNS
from app.doctor.situation import Situation
from app.model.worker_reports import Forwarding, WorkerReport

ROWS = (
    "dependencies",
    "same secrets",
    "same settings",
    "same clock",
    "proxies",
    "stdout",
    visits.ROW,
)
DEPENDENCIES, SECRETS, SETTINGS, CLOCK, PROXIES, STDOUT, VISITS = ROWS
ENOUGH_REQUESTS = 10
"""Requests through a proxy before anything is made of them."""

Reports = Sequence[WorkerReport]


def compare(
    reports: Reports, clock_ahead: float | None, situation: Situation, *, beside: bool
) -> Iterator[Finding]:
    """Yield a row for each thing in which workers may go wrong apart from others."""
    if not reports:
        yield from (skip(row, "no worker reports") for row in ROWS)
        return
    yield judge_dependencies(DEPENDENCIES, reports, situation, beside=beside)
    yield judge_secrets(SECRETS, reports, situation)
    yield judge_settings(SETTINGS, reports, situation)
    yield _clock(reports, clock_ahead, situation)
    yield _proxies(reports, situation)
    yield _stdout(reports, situation)
    yield visits.judge_visits(VISITS, reports, situation)


# --- Clocks ----------------------------------------------------------------------------------


def _clock(reports: Reports, own: float | None, situation: Situation) -> Finding:
    """Hold every clock against Redis', which all of them can see."""
    ahead = {
        report.task: report.clock_ahead for report in reports if report.clock_ahead is not None
    }
    if own is None or not ahead:
        return skip(CLOCK, "not compared: no worker has seen Redis' clock")
    usual = statistics.median([*ahead.values(), own])
    task, worst = max(ahead.items(), key=lambda item: abs(item[1] - usual))
    apart = worst - usual
    if abs(apart) <= CLOCK_WARNS:
        return ok(CLOCK, f"{len(ahead)} tasks and doctor are within {CLOCK_WARNS:g} s")
    direction = "ahead of" if apart > 0 else "behind"
    found = f"{short(task)} is {abs(apart):.1f} s {direction} the others"
    cause = "time is not synchronised there: other tasks refuse its tokens, Loki its lines"
    row = fail if abs(apart) > CLOCK_FAILS else warn
    return row(CLOCK, found, cause, replace_task(situation, task))


# --- Proxies ---------------------------------------------------------------------------------


def _proxies(reports: Reports, situation: Situation) -> Finding:
    seen = [report for report in reports if report.forwarding.requests >= ENOUGH_REQUESTS]
    if not seen:
        return skip(PROXIES, "too few requests through a proxy to tell")
    for report in seen:
        trusted = int(report.settings.get("TRUSTED_PROXIES", "0"))
        wrong = _wrong_proxies(trusted, report.forwarding)
        if wrong:
            hops = report.forwarding.fewest_hops
            found = f"TRUSTED_PROXIES is {trusted} in {names([report])}; {wrong[0]}"
            where = "" if situation.local else " in task-definition.json, then release"
            row = warn if report.forwarding.most_hops >= trusted > hops else fail
            return row(PROXIES, found, wrong[1], f"Set TRUSTED_PROXIES to {hops}{where}")
    addresses = max(report.forwarding.addresses for report in seen)
    return ok(PROXIES, f"requests come from {addresses} addresses, through the proxies trusted")


def _wrong_proxies(trusted: int, seen: Forwarding) -> tuple[str, str] | None:
    """Return what was seen and what it leads to, None where all is well.

    A client can write any number of hops, but no fewer than our proxies append.
    """
    of_all = f"of the last {seen.requests} requests with X-Forwarded-For"
    if seen.fewest_hops > trusted and seen.internal == seen.requests:
        found = f"{of_all} all have a proxy's address ({seen.addresses} in all)"
        return found, "all clients share the proxies' addresses, and one rate limit"
    if seen.fewest_hops < trusted:
        found = f"{of_all} some passed only {seen.fewest_hops}"
        return found, "a client can write its own address, and so escape every rate limit"
    return None


# --- Standard output -------------------------------------------------------------------------


def _stdout(reports: Reports, situation: Situation) -> Finding:
    losing = [report for report in reports if report.stdout_unwritten]
    if not losing:
        return ok(STDOUT, "takes every line")
    lines = sum(report.stdout_unwritten for report in losing)
    found = f"{lines} log lines of the last minute were not taken, for {share(losing, reports)}"
    cause = "what reads it is gone, or its disk is full: CloudWatch has gaps"
    return fail(STDOUT, found, cause, replace_task(situation, losing[0].task))
