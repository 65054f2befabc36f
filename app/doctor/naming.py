"""How findings name workers and tasks: as short as can be told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from app.model.worker_reports import WorkerReport

_TASK_ID = re.compile(r"[0-9a-f]{32}")
_SHOWN = 8
_MOST_NAMED = 4


def short(task: str) -> str:
    """Return a task's id as people say it, a host's name whole."""
    return task[:_SHOWN] if _TASK_ID.fullmatch(task) else task


def names(reports: Iterable[WorkerReport]) -> str:
    """Name the tasks that these workers belong to."""
    tasks = sorted({short(report.task) for report in reports})
    more = f" and {len(tasks) - _MOST_NAMED} more" if len(tasks) > _MOST_NAMED else ""
    return f"{', '.join(tasks[:_MOST_NAMED])}{more}"


def share(some: Sequence[WorkerReport], reports: Sequence[WorkerReport]) -> str:
    """Say how many of all workers these are, and of which tasks."""
    if len(some) == len(reports):
        return f"all {len(reports)} workers" if len(reports) > 1 else "the one worker"
    return f"{len(some)} of {len(reports)} workers ({names(some)})"


def several(count: int, noun: str) -> str:
    """Return a number of things in words, as `1 visit` or `12,345 visits`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
