"""How deep JSON is nested, told before it is decoded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.nesting import DEEPEST, is_too_deep

LEAVES = st.none() | st.text(alphabet='[]{}"\\/a é')
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('[{"\\'), inner)
)


def levels(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, (dict, list)) + max(map(levels, inside), default=0)


@given(value=VALUES, outside=st.integers(DEEPEST - 4, DEEPEST), spaces=st.sampled_from([None, 2]))
def test_the_levels_are_those_that_json_has(value: Any, outside: int, spaces: int | None) -> None:
    written = json.dumps(value, ensure_ascii=False, indent=spaces)
    content = ("[" * outside + written + "]" * outside).encode()

    assert is_too_deep(content) == (outside + levels(value) > DEEPEST)


@pytest.mark.parametrize("begin", [b"[", b'{"a":', b'[1,"]",', b'[],{"\\"":'])
def test_what_never_ends_is_as_deep_as_it_goes(begin: bytes) -> None:
    assert is_too_deep(begin * 1_000)
    assert not is_too_deep(b'["' + begin.replace(b'"', b'\\"') * 1_000)


@pytest.mark.parametrize("content", [b"", b"[" * 64, b"]" * 1_000, b'"' * 1_001, b'"\\' * 1_001])
def test_what_is_no_json_may_be_anything(content: bytes) -> None:
    assert not is_too_deep(content)


@pytest.mark.parametrize("content", [b'["' + b'\\"' * (1 << 20), b'[["\\' + b'"\\' * (1 << 20)])
def test_no_text_is_looked_at_twice(content: bytes) -> None:
    assert not is_too_deep(b"[]" * DEEPEST + content)
