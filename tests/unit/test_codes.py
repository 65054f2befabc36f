"""Short codes: six characters of [a-zA-Z0-9], case-sensitive."""

import re
import secrets
import string
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import codes

SIX = re.compile(r"[a-zA-Z0-9]{6}")


def number(code: str) -> int:
    return sum(codes.ALPHABET.index(digit) * 62**place for place, digit in enumerate(code))


def test_generated_codes_are_codes_and_hardly_ever_the_same() -> None:
    generated = [codes.generate() for _ in range(2_000)]

    assert all(SIX.fullmatch(code) for code in generated)
    assert len(set(generated)) >= 1_999


def test_the_whole_alphabet_is_used() -> None:
    # 12,000 characters: one of 62 is missing once in 10^83 runs.
    used = set(chain.from_iterable(codes.generate() for _ in range(2_000)))

    assert used == set(string.ascii_letters + string.digits)


def test_characters_come_from_the_cryptographic_source(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def first(count: int) -> int:
        asked.append(count)
        return 0

    monkeypatch.setattr(secrets, "randbelow", first)

    assert codes.generate() == "aaaaaa"
    assert asked == [62**6]


@pytest.mark.parametrize("word", ["health", "SIGNUP", "sIgNuP"])
def test_a_reserved_word_is_never_generated_in_whatever_case(
    monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    numbers = iter([number(word), number("aB3xY9")])
    monkeypatch.setattr(secrets, "randbelow", lambda _count: next(numbers))

    assert codes.generate() == "aB3xY9"


@given(st.text(string.ascii_letters + string.digits, min_size=6, max_size=6))
def test_six_letters_or_digits_are_a_code(text: str) -> None:
    assert codes.is_code(text)


@given(st.text(max_size=12))
def test_everything_else_is_none(text: str) -> None:
    assert codes.is_code(text) == (SIX.fullmatch(text) is not None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abcde",
        "abcdefg",
        "abcdef\n",
        "abc ef",
        "abc-ef",
        "éabcde",
        "\uff11\uff12\uff13\uff14\uff15\uff16",
        "a\0bcde",
    ],
)
def test_near_misses(text: str) -> None:
    assert not codes.is_code(text)


def test_reserved_words_are_told_by_exact_case() -> None:
    assert codes.is_reserved("health")
    assert not codes.is_reserved("HEALTH")
