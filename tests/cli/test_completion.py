"""Shells complete commands, options, and the caller's own codes and tags."""

import shutil
import subprocess

import pytest

from tests.cli.conftest import Shorten, in_process


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_reads_its_script(shorten: Shorten, shell: str) -> None:
    script = shorten("completion", shell)

    assert script.status == 0
    assert "_SHORTEN_COMPLETE" in script.out
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script.out, text=True, check=True)


def completed(environment: dict[str, str], *words: str) -> list[str]:
    """Return what bash is told to offer for the last word."""
    asked = {
        "_SHORTEN_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["shorten", *words]),
        "COMP_CWORD": str(len(words)),
    }
    found = in_process([], environment | asked)
    return [line.partition(",")[2] for line in found.lines if line]


def test_commands_options_codes_and_tags_are_offered(
    shorten: Shorten, environment: dict[str, str]
) -> None:
    shorten("add", "https://example.com/c", "-a", "completed-code", "-t", "Completed")

    assert completed(environment, "del") == ["delete"]
    assert "--max-visits" in completed(environment, "add", "--max")
    assert completed(environment, "show", "comp") == ["completed-code"]
    assert completed(environment, "list", "--tag", "comp") == ["Completed"]


def test_nothing_is_offered_quietly_where_nothing_answers(environment: dict[str, str]) -> None:
    away = environment | {"SHORTENER_URL": "http://127.0.0.1:9"}

    assert completed(away, "show", "c") == []
