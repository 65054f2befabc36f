"""Numbers that commands take: what makes no sense is refused before anything is done."""

import argparse
from types import ModuleType

import pytest

from app.commands import doctor, look_after_visits, migrate, sql
from app.commands.numbers import between


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("007", 7), ("20", 20)])
def test_both_ends_are_taken(text: str, number: int) -> None:
    assert between(1, 20)(text) == number


@pytest.mark.parametrize(
    "text", ["0", "21", "-1", "+1", " 1", "1.0", "1_0", "\u0661", "", "9" * 30]
)
def test_nothing_else_is(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no whole number of 1 to 20"):
        between(1, 20)(text)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (doctor, ["--pid=-1"]),
        (doctor, ["--tasks=0"]),
        (doctor, ["--tasks=10001"]),
        (doctor, ["--stop-timeout=-5"]),
        (doctor, ["--stop-timeout=soon"]),
        (look_after_visits, ["--pid=0"]),
        (migrate, ["--pid=4294967296"]),
        (sql, ["SELECT 1", "--pid=99999999999999999999"]),
    ],
    ids=lambda part: part.__name__ if isinstance(part, ModuleType) else " ".join(part),
)
def test_every_command_says_so(
    command: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)

    assert ended.value.code == 2
    assert "is no whole number of 1 to" in capsys.readouterr().err
