"""Statements are written with names and sent with places."""

import pytest

from app.storage.statements import Statement


def test_each_name_has_one_place_wherever_it_stands() -> None:
    statement = Statement("SELECT %(b)s WHERE x = %(a)s OR y = %(b)s")

    assert statement.text == "SELECT $1 WHERE x = $2 OR y = $1"
    assert statement.values({"a": 1, "b": 2, "unused": 3}) == [2, 1]


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        Statement("SELECT %(a)s").values({})
