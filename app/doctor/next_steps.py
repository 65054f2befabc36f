"""The commands that findings advise, as they are pasted.

What changes or reads the database runs in the image, for a released database is reached from
there alone and the image has no psql: as a task of its own in production, beside doctor locally.
No command has a comment after it, which some shells take for words of the command.
"""

from __future__ import annotations

import json
import re
import shlex

from app.doctor.situation import Situation

SERVICE = "shortener"
CONTAINER = "go-backend"
_TASK = re.compile(r"[0-9a-f]{32}")
WHO = (
    "SELECT usename, application_name, client_addr, state, count(*) FROM pg_stat_activity"
    " GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC LIMIT 20"
)
LONGEST = (
    "SELECT pid, usename, state, wait_event_type, now() - query_start AS since"
    " FROM pg_stat_activity WHERE state <> 'idle' ORDER BY 5 DESC LIMIT 20"
)

SETTINGS_OF_LIMITS = (
    "SELECT name, setting, unit, source FROM pg_settings WHERE name = 'temp_file_limit'"
    " OR name LIKE 'max%' ORDER BY 1"
)


def in_the_image(situation: Situation, *words: str) -> str:
    """Return how to run a command of the image, `migrate` or `sql`, with the service's settings."""
    if situation.local:
        name, *rest = words
        pid = situation.options.pid
        own = [] if pid is None else ["--pid", str(pid)]
        return shlex.join([situation.options.folder + name, *own, *rest])
    overrides = {"containerOverrides": [{"name": CONTAINER, "command": list(words)}]}
    cluster = situation.cluster
    network = (
        f"aws ecs describe-services --cluster {cluster} --services {SERVICE} "
        "--query 'services[0].networkConfiguration' --output json"
    )
    return (
        f"aws ecs run-task --cluster {cluster} --task-definition {SERVICE} --launch-type FARGATE "
        f'--network-configuration "$({network})" --overrides {shlex.quote(json.dumps(overrides))}'
    )


def sql(situation: Situation, statement: str) -> str:
    """Return how to run one statement as the service's user."""
    return in_the_image(situation, "sql", statement)


def replace_task(situation: Situation, task: str) -> str:
    """Return how to let ECS replace one task that is beyond help."""
    if situation.local or not _TASK.fullmatch(task):
        return "End this worker's service and start it again"
    return f"aws ecs stop-task --cluster {situation.cluster} --task {task} --reason doctor"


def replace_all(situation: Situation, local: str) -> str:
    """Return how to give every task the variables and secrets of now, by a rolling deployment."""
    return local if situation.local else situation.restart


def addresses_of_tasks(situation: Situation) -> str:
    """Return how to find the tasks that some addresses belong to."""
    if situation.local:
        return "Look at the log of the service that runs at this address"
    listed = (
        f"aws ecs list-tasks --cluster {situation.cluster} --service-name {SERVICE} "
        "--query 'taskArns[]' --output text"
    )
    shown = "tasks[].[taskArn,containers[0].networkInterfaces[0].privateIpv4Address]"
    return (
        f"aws ecs describe-tasks --cluster {situation.cluster} --tasks $({listed}) "
        f"--query '{shown}' --output text"
    )


def look_at_service(situation: Situation, what: str) -> str:
    """Return how to ask ECS for a part of what it knows of the service."""
    return (
        f"aws ecs describe-services --cluster {situation.cluster} --services {SERVICE} "
        f"--query 'services[0].{what}'"
    )


def storage(situation: Situation) -> str:
    """Return how to see how large the servers' storage is, and how far it grows by itself."""
    if situation.local:
        return "Free space on the disk of PostgreSQL's data, then run doctor again"
    shown = "DBInstances[].[DBInstanceIdentifier,AllocatedStorage,MaxAllocatedStorage]"
    return f"aws rds describe-db-instances --query '{shown}' --output text"


def server_events(situation: Situation) -> str:
    """Return how to read what happened to the database's machine within a day."""
    if situation.local:
        return "Read PostgreSQL's own log, and the kernel's (dmesg)"
    shown = "Events[].[Date,SourceIdentifier,Message]"
    return (
        "aws rds describe-events --source-type db-instance --duration 1440 "
        f"--query '{shown}' --output text"
    )


def again(situation: Situation) -> str:
    """Return how to run doctor once more."""
    return in_the_image(situation, "doctor")
