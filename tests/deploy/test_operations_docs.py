"""The operations guide: both languages in step, every command exists, every alarm is there."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name  # type: ignore[import-untyped]  # has no types
from botocore.session import get_session  # type: ignore[import-untyped]

from tests.deploy.promql import rules, series
from tests.deploy.templates import FOLDER, ORDER, load

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = ROOT / "docs" / "operations.md"
PORTUGUESE = ROOT / "docs" / "operations.pt-BR.md"
BOTH = pytest.mark.parametrize("path", [ENGLISH, PORTUGUESE], ids=["en", "pt-BR"])

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
# Commands of the AWS command line that are not one call of an API.
ITS_OWN = {("cloudformation", "deploy"), ("logs", "tail"), ("ecr", "get-login-password")}
GLOBAL_OPTIONS = {"--query", "--output"}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _commands(path: Path) -> list[str]:
    lines = [
        line for _, block in _FENCED.findall(_text(path)) for line in block.strip().splitlines()
    ]
    inline = re.findall(r"`(aws [^`]*)`", _FENCED.sub("", _text(path)))
    return [*lines, *inline]


def _calls(path: Path) -> list[list[str]]:
    """Return the words of each use of the AWS command line, also inside `$(…)` and pipes."""
    found = re.compile(r"\baws (?:[^|)\"']|\"[^\"]*\"|'[^']*')*")
    return [shlex.split(call)[1:] for command in _commands(path) for call in found.findall(command)]


def _shape(path: Path) -> list[Any]:
    """Return what must be the same in both languages, in order."""
    shape: list[Any] = []
    for block in re.split(r"\n\n+", _FENCED.sub(r"CODE \1 \2", _text(path))):
        heading = _HEADING.match(block)
        if heading:
            # What stands in backquotes is a name, and the same in every language.
            shape.append((heading[1], re.findall(r"`[^`]*`", heading[2])))
        else:
            names = sorted(re.findall(r"`[^`\n]+`", block))
            kind = re.match(r"CODE \w+|\||\d\.", block)
            shape.append((kind[0] if kind else "text", names, block.count("\n")))
    return shape


def test_both_languages_have_the_same_commands() -> None:
    assert _FENCED.findall(_text(PORTUGUESE)) == _FENCED.findall(_text(ENGLISH))


def test_both_languages_have_the_same_parts_and_names() -> None:
    english, portuguese = _shape(ENGLISH), _shape(PORTUGUESE)

    different = [pair for pair in zip(english, portuguese, strict=False) if pair[0] != pair[1]]
    assert different == []
    assert len(portuguese) == len(english)


@BOTH
def test_every_alarm_has_a_part(path: Path) -> None:
    alarms = {rule["alert"] for rule in rules() if "alert" in rule}
    for name in ("alarms", "objectives"):
        alarms |= {
            resource["Properties"]["AlarmName"]
            for resource in load(name)["Resources"].values()
            # Those that tell no one are parts of a composite one.
            if "AlarmActions" in resource["Properties"]
        }

    described = re.findall(r"^### `([\w-]+)`$", _text(path), re.MULTILINE)
    assert sorted(described) == sorted(alarms)


@BOTH
def test_the_stacks_are_made_in_their_order(path: Path) -> None:
    made = re.findall(r"--template-file deploy/(\w+)\.yaml", _text(path))

    # The cut-over makes one of them with other parameters.
    assert [*dict.fromkeys(made), "service"] == list(ORDER)


@BOTH
def test_stack_parameters_exist_and_none_is_forgotten(path: Path) -> None:
    for call in _calls(path):
        if call[:2] == ["cloudformation", "deploy"]:
            template = load(Path(call[call.index("--template-file") + 1]).stem)
            declared = template.get("Parameters", {})
            given = {word.split("=")[0] for word in call if re.match(r"[A-Z]\w+=", word)}
            needed = {name for name, item in declared.items() if "Default" not in item}
            assert needed <= given <= declared.keys()


@BOTH
def test_aws_commands_are_calls_that_exist(path: Path) -> None:
    session = get_session()
    calls = [call for call in _calls(path) if tuple(call[:2]) not in ITS_OWN]

    assert len(calls) > 20
    for service, operation, *words in calls:
        model = session.get_service_model(service)
        if operation == "wait":
            waiters = session.create_client(service, region_name="sa-east-1").waiter_names
            assert words[0].replace("-", "_") in waiters
            continue
        names = {xform_name(name, "-"): name for name in model.operation_names}
        assert operation in names, f"{service} {operation}"
        members = model.operation_model(names[operation]).input_shape.members
        options = {"--" + xform_name(name, "-") for name in members} | GLOBAL_OPTIONS
        used = {word for word in words if word.startswith("--")}
        assert used - options == set(), f"{service} {operation}"


@BOTH
def test_every_file_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"(?:deploy|docker|tests)/[\w./-]+\.\w+", _text(path)))
    named.discard("deploy/production.args")  # made by hand, from the example

    assert (FOLDER / "production.args.example").exists()
    assert [name for name in named if not (ROOT / name).exists()] == []


@BOTH
def test_panels_that_are_named_exist(path: Path) -> None:
    titles = "".join(
        file.read_text(encoding="utf-8")
        for file in (ROOT / "docker" / "grafana" / "panels").glob("*.toml")
    )
    headings = _HEADING.findall(_text(path))
    own = {heading for _, heading in headings}

    quoted = set(re.findall(r'"([A-Zp][\w ]+ [\w ]+)"', _FENCED.sub("", _text(path))))
    assert quoted - own
    assert [title for title in quoted - own if f'title = "{title}' not in titles] == []


@BOTH
def test_every_old_series_is_recorded_or_said_to_be_gone(path: Path) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    table = re.findall(r"^\| (`tinyurl_[^|]*) \| ([^|]*) \|$", _text(path), re.MULTILINE)
    gone: set[str] = set()
    kept: set[str] = set()
    for old, new in table:
        names = set(re.findall(r"`(\w+)`", old))
        (kept if new.startswith("`") else gone).update(names)
        for name in re.findall(r"`((?:http|shortener|db|process)_\w+)`", new):
            known = {*series(), *(label for labels in series().values() for label in labels)}
            assert any(name == each.removesuffix("_bucket") for each in known), name

    assert len(table) > 10
    without_errors = kept - {"tinyurl_db_client_operation_errors_total"}  # one label of another
    found = {re.sub("_(bucket|count|sum)$", "", name) for name in recorded if "tinyurl" in name}
    assert found == without_errors
    assert not gone & recorded
