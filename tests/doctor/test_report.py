"""The table and the exit status."""

from app.doctor.findings import Finding, fail, ok, skip, warn
from app.doctor.report import as_table, exit_status, masked
from app.doctor.run import Examined

COMMAND = "aws ecs update-service --cluster tinyurl-prod --service shortener " + "--x" * 40
BAD = fail("redis", "refuses connections", "it is stopped " * 20, COMMAND)
ODD = warn("cors", "any", "why", "what")
GOOD = ok("schema", "at head")
NONE = skip("loki", "not set")


def _table(*findings: Finding, colour: bool = False) -> list[str]:
    examined = [Examined(findings, 0.1, hung=False)]
    return as_table(examined, 0.1, [], width=80, colour=colour).splitlines()


def test_exit_statuses() -> None:
    assert exit_status([GOOD, NONE]) == 0
    assert exit_status([GOOD, ODD, BAD]) == 1
    assert exit_status([GOOD, ODD]) == 3


def test_the_command_can_be_copied_whole() -> None:
    assert [line.strip() for line in _table(BAD) if "next:" in line] == [f"next:  {COMMAND}"]


def test_everything_else_fits_the_terminal() -> None:
    assert [line for line in _table(BAD, GOOD) if len(line) > 80 and "next:" not in line] == []


def test_what_is_wrong_stands_out() -> None:
    table = "\n".join(_table(BAD, ODD, GOOD, colour=True))

    assert "\033[31;1mFAIL" in table
    assert "\033[33mWARN" in table
    assert "\033" not in "\n".join(_table(BAD, ODD, GOOD))


def test_the_summary_counts() -> None:
    summary = _table(BAD, ODD, GOOD, NONE)[-1]

    assert summary == "1 failed, 1 to look at, 1 ok, 1 not looked at; 0.1 s"


def test_nothing_that_a_terminal_obeys_gets_through() -> None:
    assert masked("psql\033[31m\r\n\u202eevil é", []) == "psql?[31m???evil é"


def test_the_last_guard_takes_out_secrets_and_what_contains_them() -> None:
    assert masked("of abcdef123 and abcdef", ["abcdef", "abcdef123"]) == "of *** and ***"
