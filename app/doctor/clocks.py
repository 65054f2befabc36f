"""Whether a stopping task has time to drain and to flush before ECS kills it."""

from __future__ import annotations

import ast
import itertools
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import app
from app.doctor.findings import Finding, Progress, fail, ok, warn
from app.doctor.situation import Situation
from telemetry import ecs

ROW = "shutdown"
CLOCKS = ("DRAIN", "CLOSE_APP", "FLUSH")
KNOWN_GRACE = {"DRAIN": 30, "CLOSE_APP": 4, "FLUSH": 13}
"""Seconds, as released; used where gunicorn.conf.py is not beside us."""
KNOWN_STOP_TIMEOUT = 60
"""Seconds; ECS tells no task its stopTimeout (task metadata, version 4)."""
ECS_DEFAULT = 30
LONGEST_ON_FARGATE = 120
WANTED_DRAIN = 30
"""Seconds (specification, graceful shutdown)."""

_METADATA_WAIT = 1.0


def check_shutdown(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Hold gunicorn's clocks against stopTimeout, from wherever each can be known."""
    definition = "shortener"
    if situation.config.metadata_uri:
        then = "env | grep ECS_CONTAINER_METADATA_URI_V4"
        progress.at(
            "asking ECS which task this is",
            "its metadata endpoint, http://169.254.170.2, hangs",
            then,
        )
        task = ecs.fetch_task(situation.config.metadata_uri, _METADATA_WAIT)
        if task.get("Family"):
            definition = f"{task['Family']}:{task.get('Revision', '')}".rstrip(":")
    stop, where = _stop_timeout(situation)
    drain, grace, source = _grace(situation)
    found = f"grace {grace} s ({source}), stopTimeout {stop} s ({where})"
    look = (
        f"aws ecs describe-task-definition --task-definition {definition} "
        "--query 'taskDefinition.containerDefinitions[].stopTimeout'"
    )
    if stop > LONGEST_ON_FARGATE:
        cause = f"Fargate allows {LONGEST_ON_FARGATE} s at most: the definition is refused"
        yield fail(ROW, found, cause, "Set stopTimeout to 60 in task-definition.json, then release")
    elif grace >= stop:
        cause = (
            "ECS kills the task before it has flushed, spans and log lines are lost: stopTimeout "
        )
        cause += "is too low, or the clocks of gunicorn.conf.py are too long"
        yield fail(ROW, found, cause, look)
    elif drain is not None and drain < WANTED_DRAIN:
        cause = f"requests in flight get less than {WANTED_DRAIN} s: long ones are cut at a deploy"
        yield warn(
            ROW, found, cause, f"Set DRAIN = {WANTED_DRAIN} in gunicorn.conf.py, then release"
        )
    else:
        yield ok(ROW, found)


def _stop_timeout(situation: Situation) -> tuple[int, str]:
    if situation.options.stop_timeout is not None:
        return situation.options.stop_timeout, "--stop-timeout"
    path = _beside("task-definition.json")
    try:
        container = json.loads(path.read_text())["containerDefinitions"][0] if path else None
        if container is not None:
            if "stopTimeout" not in container:
                return ECS_DEFAULT, "ECS's default: task-definition.json sets none"
            return int(container["stopTimeout"]), "task-definition.json"
    except (OSError, ValueError, LookupError, TypeError):
        pass  # not one of ours
    return KNOWN_STOP_TIMEOUT, "as released"


def _grace(situation: Situation) -> tuple[int | None, int, str]:
    """Return the drain, None where unknown, the whole grace, and where both are from."""
    words = shlex.split((situation.environment.text("GUNICORN_CMD_ARGS") or "").replace("=", " "))
    for word, value in itertools.pairwise(words):
        if word == "--graceful-timeout" and value.isdigit():
            return None, int(value), "GUNICORN_CMD_ARGS"
    path = _beside("gunicorn.conf.py")
    clocks = _read_clocks(path) if path else {}
    if clocks.keys() == KNOWN_GRACE.keys():
        return clocks["DRAIN"], sum(clocks.values()), "gunicorn.conf.py"
    return KNOWN_GRACE["DRAIN"], sum(KNOWN_GRACE.values()), "as released"


def _read_clocks(path: Path) -> dict[str, int]:
    """Read the constants without running the file, which would configure this process' log."""
    clocks: dict[str, int] = {}
    try:
        tree = ast.parse(path.read_text())
    except (OSError, ValueError, SyntaxError):
        return clocks
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            continue
        for target in node.targets:
            value = node.value.value
            if isinstance(target, ast.Name) and target.id in CLOCKS and isinstance(value, int):
                clocks[target.id] = value
    return clocks


def _beside(name: str) -> Path | None:
    """Find a file of the project: where gunicorn would look, else in the checkout."""
    places = [Path.cwd(), Path(str(app.__file__)).resolve().parents[1]]
    found = [place / name for place in places if (place / name).is_file()]
    return found[0] if found else None
