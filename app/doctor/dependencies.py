"""Who is refused by PostgreSQL, Redis or the peers of telemetry: now first, then what is over."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.doctor.agreement import mend_password
from app.doctor.findings import Advice, Finding, Status, fail, ok, warn
from app.doctor.naming import share
from app.doctor.next_steps import again, replace_task
from app.doctor.pointing import (
    POSTGRESQL,
    REDIS,
    TELEMETRY,
    do_what,
    guilty,
    troubled,
    who_says_why,
)
from app.doctor.server_troubles import trouble as server_trouble
from app.doctor.situation import Situation
from app.model.worker_reports import DependencyState, WorkerReport

LATELY = 10.0
"""Seconds, two reports, after which a trouble that doctor does not meet itself is over."""
# What meets everybody alike: where doctor does not meet it, it is over.
_EVERYBODYS = ("read-only", "lock", "too long", "starting", "missing", "plan")

Reports = Sequence[WorkerReport]
Rows = Mapping[str, Finding]


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What workers say of one dependency."""

    name: str
    rows: Sequence[str]
    cause: str
    when: str
    """As in the sentence: `away for 12 s`, `last 4 s ago`."""
    ago: float | None
    """Seconds since it happened last, None while the dependency is away."""
    told: Reports


def judge_dependencies(
    row: str, reports: Reports, situation: Situation, *, beside: bool
) -> Finding:
    """Name every dependency that is in trouble now, and those that were within a minute.

    The judgement is made again with the rows that look at the dependencies themselves.
    """

    def judge(rows: Rows) -> Finding:
        return _judge(row, reports, situation, rows, beside=beside)

    return dataclasses.replace(judge({}), settle=judge)


def _judge(
    row: str, reports: Reports, situation: Situation, rows: Rows, *, beside: bool
) -> Finding:
    troubles = list(_troubles(reports))
    now = [trouble for trouble in troubles if not _over(trouble, rows)]
    over = [trouble for trouble in troubles if trouble not in now]
    if not troubles:
        return ok(row, f"PostgreSQL, Redis and telemetry serve {share(reports, reports)}")
    said = [f"{each.name} for {share(each.told, reports)}: {each.cause}{each.when}" for each in now]
    said += [f"{each.name} was: {each.cause}{each.when}; over now" for each in over]
    if not now:
        cause = "it ended, as a failover or a lock does: nothing is to be done"
        return warn(
            row, "; ".join(said), cause, "Nothing at once; run doctor again if it comes back"
        )
    advice = _advice(now, reports, situation, rows, beside=beside)
    judged = fail if any(each.name == "PostgreSQL" for each in now) else warn
    return judged(row, "; ".join(said), advice.cause, advice.next)


def _troubles(reports: Reports) -> Iterator[_Trouble]:
    """Yield a trouble for each dependency, PostgreSQL first."""
    states: tuple[tuple[str, Sequence[str], Callable[[WorkerReport], DependencyState | None]], ...]
    states = (
        ("PostgreSQL", POSTGRESQL, lambda report: report.postgresql),
        ("Redis", REDIS, lambda report: report.redis),
    )
    for name, rows, state_of in states:
        trouble = _trouble(name, rows, [(each, state_of(each)) for each in reports])
        if trouble:
            yield trouble
    mute = [report for report in reports if not all(report.telemetry.values())]
    if mute:
        signals = {name for report in mute for name, works in report.telemetry.items() if not works}
        named = ", ".join(sorted(signals))
        yield _Trouble(named, TELEMETRY, "last export refused", "", None, mute)


def _trouble(
    name: str, rows: Sequence[str], states: Sequence[tuple[WorkerReport, DependencyState | None]]
) -> _Trouble | None:
    """Return what is commonest among those it is away for, else what was refused last."""
    away = [(report, state) for report, state in states if state and state.away_for is not None]
    if away:
        kind = statistics.mode(state.cause for _, state in away)
        longest = max(state.away_for or 0.0 for _, state in away if state.cause == kind)
        when = f", away for {longest:.0f} s"
        return _Trouble(name, rows, kind, when, None, [report for report, _ in away])
    lately = [
        (report, trouble)
        for report, state in states
        for trouble in (state.troubles if state else ())
        if trouble.message.startswith(f"{name} refused")
    ]
    if not lately:
        return None
    last = min((trouble for _, trouble in lately), key=lambda trouble: trouble.ago)
    told = {report.name: report for report, each in lately if each.cause == last.cause}
    when = f", last {last.ago:.0f} s ago"
    return _Trouble(name, rows, last.cause, when, last.ago, list(told.values()))


def _over(trouble: _Trouble, rows: Rows) -> bool:
    """Tell whether what was refused is served again, as far as doctor can see."""
    if trouble.ago is None or "password" in trouble.cause:
        return False
    if trouble.rows[0] not in rows or troubled(rows, trouble.rows, Status.FAIL):
        return False
    return trouble.ago > LATELY or any(part in trouble.cause for part in _EVERYBODYS)


def _advice(
    now: Sequence[_Trouble], reports: Reports, situation: Situation, rows: Rows, *, beside: bool
) -> Advice:
    first = now[0]
    if "password" in first.cause:
        why = "the password that they were started with is not the server's"
        return Advice(why, mend_password(first.told[0], situation, beside=beside))
    causes = [row for each in now for row in _rows_with_causes(each, rows)]
    if first.name == "PostgreSQL":
        return _of_postgresql(first, reports, situation, causes)
    why = "the collector or Loki, or the way there"
    if first.name == "Redis":
        why = "users notice nothing: there is no shared cache, and limits count by process"
    if causes:
        return Advice(why, do_what(causes))
    return Advice(f"{why}; doctor itself is served", again(situation))


def _rows_with_causes(trouble: _Trouble, rows: Rows) -> list[str]:
    """Return the rows that say more; all of them where they are not known."""
    if trouble.rows[0] not in rows:
        return list(trouble.rows)
    found = guilty(rows, trouble.rows)
    if not found and "connection left" in trouble.cause:
        return troubled(rows, ("connections",), Status.WARN)
    return found


def _of_postgresql(
    trouble: _Trouble, reports: Reports, situation: Situation, causes: Sequence[str]
) -> Advice:
    apart = len(trouble.told) < len(reports)
    general = any(part in trouble.cause for part in (*_EVERYBODYS, "connection left"))
    if "connection left" in trouble.cause and causes:
        why = "all together hold what max_connections allows; more tasks would ask for more"
        return Advice(why, do_what(causes))
    known = server_trouble(trouble.cause, situation)
    if known and not causes:
        return known
    if apart and not general and not known:
        why = "others are served: these differ in what they were given, or in their way there"
        return Advice(why, replace_task(situation, trouble.told[0].task))
    if causes:
        return Advice(who_says_why(causes), do_what(causes))
    why = "doctor itself is served: it ended a moment ago, or their variables are older than ours"
    return Advice(why, again(situation))
