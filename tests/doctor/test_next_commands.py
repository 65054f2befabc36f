"""Every next step in doctor's source is a sentence or a command that exists, whoever reaches it.

What tests reach is checked as it comes out (tests/doctor/command.py); here what none reaches.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.doctor.next_steps import (
    LONGEST,
    WHO,
    addresses_of_tasks,
    again,
    in_the_image,
    look_at_service,
    replace_all,
    replace_task,
    sql,
)
from app.doctor.situation import Options, Situation
from tests.doctor.conftest import Environment
from tests.doctor.pasting import assert_sound, paste
from tests.harness.servers import ROOT

SOURCES = sorted((ROOT / "app" / "doctor").glob("*.py"))
# Where in a call the next step stands, by the function that is called.
PLACES = {"fail": 3, "warn": 3, "Advice": 1, "at": 2}
THING = "thing"


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield what an expression can be, with `thing` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = [
            str(part.value) if isinstance(part, ast.Constant) else THING for part in node.values
        ]
        yield "".join(parts)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _steps(path: Path) -> Iterator[str]:
    """Yield every next step that is written out in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = PLACES.get(name, 99)
            if len(node.args) > place:
                yield from _texts(node.args[place])
        elif isinstance(node, ast.Assign):
            names = {getattr(target, "id", "") for target in node.targets}
            if names & {"then", "local", "look", "lower"}:
                yield from _texts(node.value)


def test_every_step_that_is_written_out() -> None:
    steps = [step for path in SOURCES for step in _steps(path)]

    assert len(steps) > 40
    for step in steps:
        assert_sound(step)


def test_every_target_and_file_that_is_named_exists() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    targets = set(re.findall(r"`make (\w+)`", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert targets
    assert [target for target in targets if f"\n{target}: " not in makefile] == []
    files = set(re.findall(r"\b(?:docs|docker|deploy)/[\w./-]+\.\w+", text))
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_part_of_the_guide_that_is_named_exists() -> None:
    text = re.sub(r'"\n\s*f?"', "", "\n".join(path.read_text("utf-8") for path in SOURCES))
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    named = re.findall(r"docs/operations\.md, ([A-Z][\w' ]+)\)", text)
    named += re.findall(r"docs/operations\.md says under ([A-Z][\w' ]+)", text)

    assert len(named) >= 3
    assert [name for name in named if not re.search(f"^#+ {name}$", guide, re.MULTILINE)] == []


@pytest.fixture
def production(stored: Environment) -> Situation:
    """Return the situation of a released service with a database of its own."""
    return Situation.of({**stored, "ENV": "production"}, Options())


@pytest.mark.parametrize("statement", [WHO, LONGEST])
def test_statements_run_as_they_are_pasted(
    production: Situation, stored: Environment, tmp_path: Path, statement: str
) -> None:
    environment = {**stored, "ENV": "production"}

    pasted = paste(sql(production, statement), tmp_path, environment)

    assert (pasted.status, pasted.output.splitlines()[0].split("\t")[0]) in {
        (0, "usename"),
        (0, "pid"),
    }


def test_what_runs_in_the_image_runs_there(
    production: Situation, stored: Environment, tmp_path: Path
) -> None:
    environment = {**stored, "ENV": "production"}

    pasted = paste(in_the_image(production, "migrate"), tmp_path, environment)

    assert (pasted.status, pasted.output) == (0, "the schema is current\n")


def test_calls_of_aws_have_what_the_api_wants(production: Situation, tmp_path: Path) -> None:
    task = "a1" * 16
    for command in (
        again(production),
        addresses_of_tasks(production),
        look_at_service(production, "deployments"),
        replace_all(production, "never said"),
        replace_task(production, task),
    ):
        assert_sound(command)
    assert paste(addresses_of_tasks(production), tmp_path).status == 0


def test_where_a_task_is_no_task_of_ecs_a_sentence_says_what_to_do(production: Situation) -> None:
    assert replace_task(production, "my-laptop").startswith("End this worker's service")


def test_on_a_developers_machine_commands_are_those_beside_doctor(stored: Environment) -> None:
    situation = Situation.of(stored, Options(pid=4711, folder=".venv/bin/"))

    assert in_the_image(situation, "migrate") == ".venv/bin/migrate --pid 4711"
    assert sql(situation, "SELECT 1") == ".venv/bin/sql --pid 4711 'SELECT 1'"
    assert again(situation) == ".venv/bin/doctor --pid 4711"
