"""The users' pages say what the command does, in both languages; the package stands alone."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from shorten.errors import STATUSES
from shorten.main import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / name for name in ("users.md", "users.pt-BR.md")]


def blocks(page: Path) -> list[str]:
    """Return what is to be typed, without comments and answers."""
    found = re.findall(r"```console\n(.*?)```", page.read_text(), re.S)
    lines = [line for block in found for line in block.splitlines() if line.startswith(("$", ">"))]
    return [re.sub(r"\s+#.*", "", line).replace("BUSCA", "SEARCH") for line in lines]


def test_both_languages_tell_to_type_the_same() -> None:
    english, portuguese = map(blocks, PAGES)

    assert english == portuguese
    assert len(english) > 20


def test_both_languages_have_the_same_sections() -> None:
    english, portuguese = (
        [
            line.split(" ")[0]
            for line in page.read_text().splitlines()
            if line.startswith(("#", "|"))
        ]
        for page in PAGES
    )

    assert english == portuguese


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_exit_status_is_explained(page: Path) -> None:
    explained = re.findall(r"^\| (\d+) \|", page.read_text(), re.M)

    assert [int(status) for status in explained] == [status for status, _ in STATUSES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_that_is_named_exists_and_takes_its_options(page: Path) -> None:
    named = re.findall(r"shorten ((?:[a-z-]+ ?)+)((?:[^\n`;|]*))", page.read_text())
    seen = 0
    for words, rest in named:
        command: click.Command = cli
        context = click.Context(cli)
        for word in words.split():
            found = command.get_command(context, word) if isinstance(command, click.Group) else None
            if found is None:
                break
            command, seen = found, seen + 1
        options = {name for parameter in command.params for name in parameter.opts}
        given = set(re.findall(r"(?<=\s)--[a-z-]+", f" {rest}".partition("#")[0]))
        assert given <= options | {"--help", "--version"}, (words, given - options)

    assert seen > 25


def test_every_command_has_a_summary_and_takes_json() -> None:
    def check(command: click.Command) -> None:
        if isinstance(command, click.Group):
            for one in command.commands.values():
                check(one)
            return
        assert command.get_short_help_str(), command.name
        options = {name for parameter in command.params for name in parameter.opts}
        assert "--json" in options or command.name == "completion", command.name

    check(cli)


def test_it_needs_nothing_of_the_service() -> None:
    program = (
        "import sys, shorten.main;"
        "print(*sorted({name.split('.')[0] for name in sys.modules} & "
        "{'app', 'telemetry', 'local', 'flask', 'psycopg', 'gunicorn', 'opentelemetry'}))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.strip() == b""


def test_what_it_needs_is_in_the_environment_of_developers() -> None:
    content = tomllib.loads((ROOT / "cli" / "pyproject.toml").read_text())
    settings = (ROOT / "setup.cfg").read_text()

    for requirement in content["project"]["dependencies"]:
        assert f"\n    {requirement}\n" in settings
