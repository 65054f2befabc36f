"""Whether all workers, and doctor itself, were given the same secrets and settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from app.config import Settings
from app.doctor.findings import Finding, fail, ok, warn
from app.doctor.naming import names
from app.doctor.next_steps import again, look_at_service, replace_all
from app.doctor.situation import Situation
from app.fingerprints import KEYS, fingerprints, shown
from app.model.worker_reports import WorkerReport

KEY, PREVIOUS = KEYS
_OWN = "doctor"
# Each service listens where it was told to; what a worker needs itself may differ by size.
_MAY_DIFFER = frozenset({"PORT"})
_MOST_SHOWN = 3

Reports = Sequence[WorkerReport]


@lru_cache(maxsize=1)
def _fingerprints(settings: Settings) -> Mapping[str, str]:
    return fingerprints(settings)


def own_secrets(situation: Situation) -> Mapping[str, str]:
    """Return the fingerprints of what doctor was given; {} where that makes no sense.

    On a developer's machine doctor may have been given anything.
    """
    unusable = situation.local or situation.wrong(KEY, "POSTGRES_PASSWORD", "REDIS_PASSWORD")
    return {} if unusable else _fingerprints(situation.settings)


def mend_password(report: WorkerReport | None, situation: Situation, *, beside: bool) -> str:
    """Return what ends that the server refuses a password.

    `report` is of the worker that was refused, None for doctor itself; `beside` tells that doctor
    has the variables of the running service, which are those of the service's start.
    """
    if situation.local:
        return "Give the service the user and the password that the server has now"
    own = own_secrets(situation)
    if report is not None and any(report.secrets.get(name) != own.get(name) for name in own):
        return situation.restart  # doctor has newer secrets than that worker
    if beside:
        return again(situation)  # as a task of its own it has the secrets of now
    return "Give the server and the secret the same password (docs/operations.md, Rotating secrets)"


def judge_secrets(row: str, reports: Reports, situation: Situation) -> Finding:
    """Compare the key of the tokens first: where it differs, passwords cannot be compared."""
    keys = _groups(reports, KEY)
    if len(keys) > 1:
        return _two_keys(row, keys, reports, situation)
    own = own_secrets(situation)
    if own and own.get(KEY) not in keys:
        return _newer_key(row, own, reports, situation)
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        differing = _groups(reports, name)
        if len(differing) > 1:
            found = f"{name} differs: {_apart(differing)}"
            cause = "rotated between their starts: those of the old one open no new connection"
            then = replace_all(situation, f"Start every worker with the same {name}")
            return fail(row, found, cause, then)
        if own and own.get(name, "") not in differing:
            found = f"{name} of every worker is another than doctor's"
            cause = "rotated since they started: they open no new connection with the old one"
            return fail(row, found, cause, situation.restart)
    return ok(row, f"{KEY} and the passwords are the same for {names(reports)}")


def _two_keys(
    row: str, keys: Mapping[str, Reports], reports: Reports, situation: Situation
) -> Finding:
    found = f"{KEY} differs: {_apart(keys)}"
    then = replace_all(situation, f"Start every worker with the same {KEY}")
    accepted = [{report.secrets.get(KEY), report.secrets.get(PREVIOUS)} for report in reports]
    if all(key in known for key in keys for known in accepted):
        cause = "the key is being replaced: each accepts the other's tokens, nobody is logged out"
        return warn(row, found, cause, look_at_service(situation, "deployments"))
    cause = "one refuses the other's tokens: whoever meets both is logged out again and again"
    return fail(row, found, cause, then)


def _newer_key(row: str, own: Mapping[str, str], reports: Reports, situation: Situation) -> Finding:
    found = f"{KEY} of every worker is another than doctor's"
    running = reports[0].secrets.get(KEY)
    if own.get(PREVIOUS) == running:
        cause = "the new key is there, and the running tasks have not been replaced yet"
        return warn(row, found, cause, situation.restart)
    cause = "the secret was changed: the next task to start refuses the tokens of all others"
    then = "Replace it as docs/operations.md says under The key of the tokens"
    return fail(row, found, cause, then)


def judge_settings(row: str, reports: Reports, situation: Situation) -> Finding:
    """Compare every variable that is no secret."""
    known = sorted({name for report in reports for name in report.settings} - _MAY_DIFFER)
    differing = [name for name in known if len(_values(reports, name)) > 1]
    if differing:
        each = "; ".join(_said(reports, name) for name in differing[:_MOST_SHOWN])
        more = len(differing) - _MOST_SHOWN
        found = each + (f"; {more} more" if more > 0 else "")
        cause = "a deployment is going on, or was left half way"
        judge = fail if "ENV" in differing else warn
        then = "Start every worker with the same variables"
        if not situation.local:
            then = look_at_service(situation, "deployments")
        return judge(row, found, cause, then)
    own = {} if situation.mistakes or situation.local else shown(situation.settings)
    changed = [name for name in own if name in known and own[name] != _one(reports, name)]
    if changed:
        found = f"{', '.join(changed[:_MOST_SHOWN])}: not as doctor was given"
        cause = "the newest task definition is not the one that runs"
        return warn(row, found, cause, look_at_service(situation, "taskDefinition"))
    return ok(row, f"{len(known)} variables are the same for {names(reports)}")


def _groups(reports: Iterable[WorkerReport], secret: str) -> dict[str, list[WorkerReport]]:
    groups: dict[str, list[WorkerReport]] = {}
    for report in reports:
        groups.setdefault(report.secrets.get(secret, ""), []).append(report)
    return groups


def _apart(groups: Mapping[str, Reports]) -> str:
    """Name who has which; the fingerprints themselves would tell nobody more."""
    return " | ".join(names(group) for group in groups.values())


def _values(reports: Reports, name: str) -> set[str]:
    return {report.settings.get(name, "") for report in reports}


def _one(reports: Reports, name: str) -> str:
    return reports[0].settings.get(name, "")


def _said(reports: Reports, name: str) -> str:
    each: list[str] = []
    for value in sorted(_values(reports, name)):
        having = [report for report in reports if report.settings.get(name, "") == value]
        each.append(f"{value or 'unset'} in {names(having)}")
    return f"{name} is {' and '.join(each)}"
