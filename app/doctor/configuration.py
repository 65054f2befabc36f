"""Whether the environment makes sense."""

from __future__ import annotations

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
        then = "doctor --pid PID, PID being the running service's (of `make run`: make doctor)"
    elif unset and not situation.local:
        cause = "the service does not start so: a secret or variable is missing in its task"
        then = "aws ecs describe-task-definition --task-definition shortener"
    else:
        cause = "the service does not start so"
        then = "correct the variables (task-definition.json, or the shell's), then: doctor"
    yield fail(ROW, "; ".join(situation.mistakes), cause, then)
