"""Whether PostgreSQL has as many connections as the service may ask for."""

from __future__ import annotations

from app.doctor.findings import Finding, fail, ok, warn
from app.doctor.next_steps import WHO, sql
from app.doctor.situation import Situation
from app.storage.inspection import Connections

NEARLY_FULL = 0.9
RELEASED_TASKS = 2
"""MinTasks of deploy/service.yaml, where nobody tells how many run."""
BESIDE_THE_POOL = 1
"""Connections of a worker for what it does beside requests (app/storage/background.py)."""


def judge_connections(
    row: str, now: Connections, running: int | None, situation: Situation
) -> Finding:
    """Hold what full pools would take against what the server gives.

    `running` tasks are those that report, None if that is not known. Pools grow only as far as
    requests need them, so what could be asked for some day is said and is no fault yet.
    """
    numbers = ("WEB_CONCURRENCY", "GUNICORN_THREADS", "POSTGRES_POOL_")
    unusable = situation.unusable(row, *numbers)
    if unusable:
        return unusable
    settings = situation.settings
    tasks = situation.options.tasks or running or (1 if situation.local else RELEASED_TASKS)
    each = settings.workers * (settings.postgres.pool_max + BESIDE_THE_POOL)
    need = tasks * each
    others = max(0, now.used - now.ours)
    room = max(0, now.available - others) // each
    found = (
        f"tasks {tasks} x workers {settings.workers} x (pool {settings.postgres.pool_max} + "
        f"{BESIDE_THE_POOL}) = {need} of {now.available} ({now.max_connections} less "
        f"{now.reserved} reserved); in use {now.used}, ours {now.ours}; room for {room} tasks, "
        f"{room // 2} while one is replaced by another"
    )
    lower = "Lower POSTGRES_POOL_MAX, or raise max_connections"
    who = sql(situation, WHO)
    if need > now.available:
        cause = "at full load the pools ask for more connections than the server gives"
        return fail(row, found, cause, lower)
    if now.used > NEARLY_FULL * now.available:
        return warn(row, found, "nearly all connections are taken now", who)
    if tasks > room:
        return warn(row, found, "what others hold leaves too few for full pools", who)
    if not situation.local and 2 * tasks > room:
        cause = "during a deployment both generations run: their full pools would not fit"
        return warn(row, found, cause, lower)
    return ok(row, found)
