"""Whether visits are written as they come, and why not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from app.doctor.findings import Finding, ok, skip, warn
from app.doctor.naming import several, share
from app.doctor.next_steps import LONGEST, in_the_image, sql
from app.doctor.pointing import POSTGRESQL, do_what, guilty
from app.doctor.situation import Situation
from app.model.worker_reports import VisitsState, WorkerReport
from app.storage.visits import NO_MONTH, WRITERS_TURN
from app.visits.writer import TURN_TAKEN

ROW = "visits"
LATE = 15.0
"""Seconds: a worker writes every second, and waits for its turn for some milliseconds."""
UPKEEP = "look-after-visits"
_HIGH, _LOW = divmod(WRITERS_TURN, 1 << 32)
END_THE_TURN = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"  # noqa: S608
    f" AND classid = {_HIGH} AND objid = {_LOW} AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def judge_visits(row: str, reports: Sequence[WorkerReport], situation: Situation) -> Finding:
    """Say how many visits wait, for how long, and what ends that; a worker loses none of them."""
    states = [(report, report.visits) for report in reports if report.visits is not None]
    if not states:
        return skip(row, "no worker reports its visits")
    late = [(report, state) for report, state in states if state.oldest > LATE]
    if late:
        return _late(row, late, reports, situation)
    failed = [(report, state) for report, state in states if state.upkeep]
    if failed:
        told = [report for report, _ in failed]
        found = f"{UPKEEP} failed for {share(told, reports)}: {failed[0][1].upkeep}"
        cause = "nothing is lost; tables grow, and in three months there is none to write to"
        return warn(row, found, cause, in_the_image(situation, UPKEEP))
    return ok(
        row, f"{several(sum(state.waiting for _, state in states), 'visit')} waiting to be written"
    )


def _late(
    row: str,
    late: Sequence[tuple[WorkerReport, VisitsState]],
    reports: Sequence[WorkerReport],
    situation: Situation,
) -> Finding:
    _, worst = max(late, key=lambda each: each[1].oldest)
    count = sum(state.waiting for _, state in late)
    why = worst.cause or "no answer yet"
    found = (
        f"{several(count, 'visit')} waiting for {share([report for report, _ in late], reports)},"
        f" the oldest for {worst.oldest:.0f} s: {why}"
    )
    if why == TURN_TAKEN:
        cause = "a session holds the writers' advisory lock; workers go on adding up meanwhile"
        return warn(row, found, cause, sql(situation, END_THE_TURN))
    if why == NO_MONTH:
        cause = "nobody made the month's tables: VISITS_UPKEEP=false, or upkeep fails"
        return warn(row, found, cause, in_the_image(situation, UPKEEP))
    return _refused(row, found, situation)


def _refused(row: str, found: str, situation: Situation) -> Finding:
    cause = "workers go on adding up and write it afterwards: replace none before it is mended"

    def judge(known: Mapping[str, Finding]) -> Finding:
        causes = guilty(known, POSTGRESQL)
        then = do_what(causes) if causes else sql(situation, LONGEST)
        return warn(row, found, cause, then)

    return dataclasses.replace(judge({}), settle=judge)
