"""Stands in for `aws` where a command is pasted; its arguments were checked before (pasting.py).

A script that imports next to nothing: a pasted command may call it several times. A task that it
is asked to run is run here, with the variables TASK_VARIABLES.
"""

import json
import os
import subprocess
import sys

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
TASK = "arn:aws:ecs:sa-east-1:123456789012:task/tinyurl-prod/a1b2"


def _answer(words: list[str]) -> int:
    if words[:2] == ["ecs", "describe-services"]:
        sys.stdout.write(json.dumps(NETWORK))
    elif words[:2] == ["ecs", "list-tasks"]:
        sys.stdout.write(TASK)
    elif words[:2] == ["ecs", "run-task"]:
        overrides = json.loads(words[words.index("--overrides") + 1])
        assert json.loads(words[words.index("--network-configuration") + 1]) == NETWORK
        (container,) = overrides["containerOverrides"]
        variables = json.loads(os.environ["TASK_VARIABLES"])
        environment = {"PATH": os.environ["PATH"], **variables}
        return subprocess.run(container["command"], check=False, env=environment).returncode
    return 0


if __name__ == "__main__":
    sys.exit(_answer(sys.argv[1:]))
