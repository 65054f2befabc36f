"""What a person does with a finding's next step: reads a sentence, or pastes a command."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]  # has no types
from botocore import xform_name  # type: ignore[import-untyped]  # has no types
from botocore.session import get_session  # type: ignore[import-untyped]
from botocore.validate import validate_parameters  # type: ignore[import-untyped]

# Programs of the image or the checkout, and of every machine on which people operate.
KNOWN = {"aws", "cat", "curl", "date", "docker", "doctor", "env", "getent", "grep", "make"}
KNOWN |= {"look-after-visits", "migrate", "python3", "sql", "ss"}
# Commands of the AWS command line that are not one call of an API, with their options.
OWN_CALLS = {("logs", "tail"): {"--since", "--follow", "--filter-pattern", "--format"}}
GLOBAL = {"--query", "--output", "--region"}
_SENTENCE = re.compile(r"[A-Z][a-z]+ ")
_NESTED = re.compile(r'"?\$\(([^()]*)\)"?')
_PLACEHOLDER = re.compile(r"\b(PID|TASK|NAME|VERSION)\b|…|<\w+>")
_BINARIES = str(Path(sys.executable).parent)
_AWS = f"""#!/bin/sh
exec {sys.executable} -I -S {Path(__file__).with_name("aws_stand_in.py")} "$@"
"""


def assert_sound(step: str) -> None:
    """Fail unless the step is a sentence, or a command that can be pasted as it is."""
    assert step == step.strip()
    if _SENTENCE.match(step):
        return
    checked = subprocess.run(["bash", "-n", "-c", step], capture_output=True, check=False)
    assert checked.returncode == 0, f"no command of a shell: {step}"
    assert " #" not in step, f"zsh takes a comment for words: {step}"
    assert not _PLACEHOLDER.search(step), f"something to be filled in: {step}"
    calls = [part for nested in _NESTED.findall(step) for part in _parts(nested)]
    calls += _parts(_NESTED.sub("'{}'", step))
    for words in calls:
        assert Path(words[0]).name in KNOWN, f"unknown program: {words[0]}"
        if words[0] == "aws":
            assert_aws(words[1:])


def _parts(command: str) -> list[list[str]]:
    """Return the words of each program of a pipe or a sequence."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";|&")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set(";|&"):
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


def assert_aws(words: list[str]) -> dict[str, Any]:
    """Hold a call of the AWS command line against the API's model; return its parameters."""
    service, operation, *rest = words
    given = _options(rest)
    jmespath.compile(given.get("--query") or "@")
    if (service, operation) in OWN_CALLS:
        assert set(given) - {""} <= OWN_CALLS[service, operation] | GLOBAL
        return given
    model = get_session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in names, f"aws {service} has no {operation}"
    shape = model.operation_model(names[operation]).input_shape
    members = {"--" + xform_name(name, "-"): name for name in shape.members}
    unknown = set(given) - set(members) - GLOBAL
    assert unknown == set(), f"aws {service} {operation} has no {unknown}"
    parameters = {
        members[option]: _value(value, shape.members[members[option]].type_name)
        for option, value in given.items()
        if option in members
    }
    validate_parameters(parameters, shape)
    return parameters


def _options(words: list[str]) -> dict[str, str | None]:
    given: dict[str, str | None] = {}
    option = ""
    for word in words:
        if word.startswith("--"):
            option = word
            given[option] = None
        else:
            given[option] = word if given.get(option) is None else f"{given[option]} {word}"
    return given


def _value(text: str | None, kind: str) -> Any:
    """Read a value as the AWS command line does; its shorthand is left to the real one."""
    if kind == "boolean":
        return True
    assert text is not None
    if kind in {"structure", "map"} or (kind == "list" and text.startswith("[")):
        return json.loads(text)
    if kind == "list":
        return text.split()
    return int(text) if kind in {"integer", "long"} else text


@dataclass(frozen=True)
class Pasted:
    """What a pasted command did."""

    status: int
    output: str


def paste(command: str, folder: Path, task: Mapping[str, str] | None = None) -> Pasted:
    """Run a command in a shell as it was printed.

    Its calls of `aws` are held against the API first; then a stand-in takes them. A task that is
    to be run is run here, with the variables `task`, and what it prints counts as the command's
    own. A developer's shell (ENV=local) has these variables itself.
    """
    assert_sound(command)
    binaries = folder / "pasted"
    binaries.mkdir(exist_ok=True)
    aws = binaries / "aws"
    aws.write_text(_AWS)
    aws.chmod(0o755)
    variables = dict(task or {})
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        ["bash", "-c", command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        cwd=folder,
        env={
            **known,
            "PATH": f"{binaries}:{_BINARIES}:{known['PATH']}",
            **(variables if variables.get("ENV") == "local" else {}),
            "TASK_VARIABLES": json.dumps(variables),
        },
    )
    return Pasted(done.returncode, done.stdout)
