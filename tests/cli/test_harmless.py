"""What others wrote does nothing to a terminal, and JSON still means the same."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shorten.harmless import harmless, harmless_json

HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31mred", r"\x9b31mred"),
        ("a\tb\nc", r"a\x09b\x0ac"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
        ("Olá 👩\u200d🚀 日本", "Olá 👩\u200d🚀 日本"),
    ],
)
def test_harmful_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert harmless(text) == shown


TEXTS = st.text(alphabet=st.characters(exclude_categories=()), max_size=50).filter(
    # No reader of JSON gives two halves of one character apart.
    lambda text: not re.search("[\ud800-\udbff][\udc00-\udfff]", text)
)


@given(TEXTS)
def test_nothing_harmful_is_left_and_json_means_the_same(text: str) -> None:
    value = {"title": [text]}

    assert not HARMFUL.search(harmless(text))
    assert not HARMFUL.search(harmless_json(value))
    assert json.loads(harmless_json(value, indent=2)) == value
