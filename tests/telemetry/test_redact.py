"""Secrets do not get into lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import redact as redact_module
from telemetry.redact import redact, redact_field

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "secret_text",
    [
        "connecting to postgresql://app:s3cret@db:5432/links",
        "redis://:s3cret@cache:6379/0 failed",
        "target https://example.com/reset?code=s3cret refused",
        "target https://example.com/a#s3cret",
        "HTTPS://EXAMPLE.COM/?s3cret",
        "Authorization: Bearer s3cret-token-of-someone",
        "authorization: basic czNjcmV0czNjcmV0s3cret",
        'body {"password": "s3cret", "email": "a@b.co"}',
        "password=s3cret host=db",
        "password='s3cret and more' host=db",
        "JWT_SECRET=s3cret",
        "token: s3cret",
        "api_key=s3cret",
    ],
)
def test_secrets_are_masked(secret_text: str) -> None:
    assert "s3cret" not in redact(secret_text)
    assert "***" in redact(secret_text)


def test_tokens_are_masked_wherever_they_stand() -> None:
    assert redact(f"got {JWT} from a client") == "got *** from a client"


@pytest.mark.parametrize(
    "text",
    [
        "Request completed",
        "what? nothing",
        "see https://example.com/path for more",
        "mail a@b.co",
        "Pool: 3 of 4 connections in use",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("name", ["password", "new_password", "Authorization", "jwt_secret"])
def test_a_field_with_a_secrets_name_is_masked_whole(name: str) -> None:
    assert redact_field(name, "anything") == "***"
    assert redact_field(name, ["anything"]) == "***"


@pytest.mark.parametrize("value", [1, 1.5, True, None, "plain"])
def test_other_fields_keep_their_value_and_type(value: object) -> None:
    assert redact_field("status", value) is value


@settings(deadline=None)
@given(
    st.text("xX:/ _-.", max_size=6),
    st.sampled_from(
        ["://", "eyJ", "bearer", "basic", "passw", "pwd", "secret", "token", "apikey", "api_key"]
    ),
    st.integers(0, 1023),
)
def test_the_quick_look_at_ascii_misses_nothing(before: str, word: str, cases: int) -> None:
    mixed = "".join(
        letter.upper() if cases >> place & 1 else letter for place, letter in enumerate(word)
    )

    assert redact_module._SUSPECT_ASCII.search(f"{before}{mixed}x") is not None
    assert redact_module._SUSPECT.search(f"{before}{mixed}x") is not None
