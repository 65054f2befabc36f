"""docs/security.md names tests that exist, for each of the ten."""

import re

import pytest

from tests.harness.servers import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)(?:::(test_\w+))?`", TEXT)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda part: part or "file")
def test_a_named_test_exists(path: str, name: str) -> None:
    source = (ROOT / path).read_text()

    assert not name or f"def {name}(" in source


def test_each_of_the_ten_has_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\| API\d+ ", line)]

    assert [row.split()[1] for row in rows] == [f"API{number}" for number in range(1, 11)]
    assert all("`tests/security/" in row for row in rows)


def test_no_file_of_attacks_is_left_out() -> None:
    unnamed = {
        path.name
        for path in (ROOT / "tests" / "security").glob("test_*.py")
        if f"tests/security/{path.name}" not in TEXT
    }

    assert unnamed == {"test_documentation.py", "test_volume.py"}
