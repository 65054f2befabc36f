"""A Dockerfile read, and its steps carried out in a folder instead of an engine.

An absolute path of the image becomes one under the folder. Each stage starts with an empty folder
(its base image is this machine), at the same place, so that a virtual environment may move from
one stage to the next as it does in an image.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker" / "Dockerfile"
_IMAGE_PATH = re.compile(r"(?<![\w./])/(?=(?:opt|build|srv)\b)")
_ACTS_ON_THE_BASE = re.compile(r"\b(useradd|pip uninstall)\b")


class StepError(Exception):
    """A RUN failed; the text is what it printed."""


@dataclass(frozen=True)
class Step:
    """One instruction, its continuation lines joined."""

    instruction: str
    argument: str


def steps(text: str) -> list[Step]:
    """Read a Dockerfile's instructions, without comments."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found = (line.split(None, 1) for line in joined.splitlines() if line.strip())
    return [Step(name.upper(), argument) for name, argument in found]


def pairs(argument: str) -> dict[str, str]:
    """Read the `NAME=value …` of an ENV."""
    return dict(item.split("=", 1) for item in argument.split())


def is_ignored(path: str) -> bool:
    """Tell whether `.dockerignore` keeps a path out; as there, the last match decides."""
    ignored = False
    patterns = Path(f"{FILE}.dockerignore").read_text(encoding="utf-8").splitlines()
    for pattern in (line for line in patterns if line and not line.startswith("#")):
        bare = pattern.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        prefixes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        names = parts if "**/" in pattern else prefixes
        if any(fnmatch.fnmatchcase(name, bare) for name in names):
            ignored = not pattern.startswith("!")
    return ignored


@dataclass
class Image:
    """What the last stage of a Dockerfile leaves."""

    root: Path
    """Where the image's `/` lies."""
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    command: list[str] = field(default_factory=list)
    health_check: list[str] = field(default_factory=list)
    user: str = "root"
    volumes: list[str] = field(default_factory=list)
    exposed: str = ""
    skipped: list[str] = field(default_factory=list)
    """The RUNs that were not carried out: they change the base, which here is this machine."""

    def at(self, text: str) -> str:
        """Return a text with the image's paths turned into those of this machine."""
        return _IMAGE_PATH.sub(f"{self.root}/", text)

    def argv(self, command: list[str]) -> list[str]:
        """Return a command of the image with its program found as the image's PATH says."""
        program = shutil.which(command[0], path=self.at(self.environment["PATH"]))
        assert program, f"{command[0]} is not in the image"
        return [program, *map(self.at, command[1:])]

    @property
    def folder(self) -> Path:
        """The working directory on this machine."""
        return Path(self.at(self.workdir))


def replay(root: Path, text: str) -> Image:
    """Carry out every step; `root` must not exist. Raises StepError."""
    stages: dict[str, Path] = {}
    image = Image(root)
    name = ""
    for step in steps(text):
        if step.instruction == "FROM":
            if name:
                stages[name] = root.with_name(f"stage-{name}")
                root.rename(stages[name])
            _, _, name = step.argument.partition(" AS ")
            image = Image(root, {"PATH": f"{Path(sys.base_prefix, 'bin')}:/usr/bin:/bin"})
            root.mkdir()
        else:
            _carry_out(step, image, stages)
    return image


def _carry_out(step: Step, image: Image, stages: dict[str, Path]) -> None:
    argument = step.argument
    if step.instruction == "ENV":
        known = {**os.environ, **image.environment}
        for key, value in pairs(argument).items():
            image.environment[key] = value.replace("$PATH", known["PATH"])
    elif step.instruction == "WORKDIR":
        image.workdir = argument
        image.folder.mkdir(parents=True, exist_ok=True)
    elif step.instruction == "COPY":
        _copy(argument.split(), image, stages)
    elif step.instruction == "RUN":
        _run(argument, image)
    else:
        _describe(step, image)


def _describe(step: Step, image: Image) -> None:
    """Note what an instruction says of the containers to come; it changes no file."""
    argument = step.argument
    if step.instruction == "CMD":
        image.command = json.loads(argument)
    elif step.instruction == "HEALTHCHECK":
        image.health_check = json.loads(argument.partition("CMD ")[2])
    elif step.instruction == "USER":
        image.user = argument
    elif step.instruction == "VOLUME":
        image.volumes = json.loads(argument)
    elif step.instruction == "EXPOSE":
        image.exposed = argument
    elif step.instruction not in {"ARG", "STOPSIGNAL"}:
        raise StepError(f"{step.instruction} is not known here")


def _copy(words: list[str], image: Image, stages: dict[str, Path]) -> None:
    stage = None
    if words[0].startswith("--from="):
        stage = stages[words.pop(0).removeprefix("--from=")]
    *sources, target = words
    for source in sources:
        if stage is None and is_ignored(source):
            raise StepError(f"{source} is not in the build context")
        start = stage / source.lstrip("/") if stage else ROOT / source
        path = Path(image.at(target)) if target.startswith("/") else image.folder / target
        if start.is_dir():
            shutil.copytree(
                start,
                path,
                symlinks=True,
                dirs_exist_ok=True,
                ignore=None if stage else shutil.ignore_patterns("__pycache__", "*.pyc"),
            )
        else:
            shutil.copy2(start, path / start.name if target.endswith("/") else path)


def _run(argument: str, image: Image) -> None:
    if _ACTS_ON_THE_BASE.search(argument):
        image.skipped.append(argument)
        return
    # pip's cache is this machine's business: without it each test run would download all again.
    environment = {k: v for k, v in image.environment.items() if k != "PIP_NO_CACHE_DIR"}
    done = subprocess.run(
        ["/bin/sh", "-ec", image.at(argument)],
        cwd=image.folder,
        env={"HOME": os.environ.get("HOME", "/"), **environment, "PATH": image.environment["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StepError(f"{argument}\n{done.stdout}{done.stderr}")
