"""Whether the environment makes sense."""

from __future__ import annotations

import os
from collections.abc import Iterator

from app.doctor.findings import Finding, Progress, fail, ok
from app.doctor.situation import Situation

ROW = "configuration"


def check_configuration(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Report every mistake at once, as the service does when it refuses to start."""
    del progress
    if not situation.mistakes:
        settings = situation.settings
        found = f"ENV={settings.env}, {settings.workers} workers of {settings.threads} threads"
        yield ok(ROW, f"{found}, port {settings.port}")
        return
    unset = [line for line in situation.mistakes if "is not set" in line]
    if unset and situation.environment.text("POSTGRES_HOST") is None:
        cause = "doctor was not given the service's variables"
        then = _with_variables(situation)
    elif unset and not situation.local:
        cause = "the service does not start so: a secret or variable is missing in its task"
        then = "aws ecs describe-task-definition --task-definition shortener"
    else:
        cause = "the service does not start so"
        where = "the shell or for `make run`" if situation.local else "task-definition.json"
        then = f"Correct the variables in {where}, then start it again"
    yield fail(ROW, "; ".join(situation.mistakes), cause, then)


def _with_variables(situation: Situation) -> str:
    """Return how to look with the variables of the service that runs here, if one does."""
    import psutil  # noqa: PLC0415  # only this needs it

    for process in psutil.process_iter(["pid", "cmdline", "uids"]):
        words, uids = process.info["cmdline"] or [], process.info["uids"]
        ours = uids is not None and uids.real == os.getuid()
        if ours and "app.wsgi:app" in words and any("gunicorn" in word for word in words):
            return f"{situation.options.folder}doctor --pid {process.info['pid']}"
    return "Start the service, then give doctor its process with --pid (`make run`: `make doctor`)"
