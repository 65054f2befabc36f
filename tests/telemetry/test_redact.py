"""Secrets do not get into lines."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import redact as redact_module
from telemetry.redact import redact, redact_field, redact_path

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
        "at https://me:s3cret@home@example.com/x",
        "GET /login?next=https%3A%2F%2Fme%3As3cret%40example.com%2F",
        "next=https%3a//me:s3cret@example.com/",
        "next=https%3A%2F%2Fexample.com%2F%3Fkey%3Ds3cret",
        "next=http%3a%2f%2fexample.com%23s3cret&more",
    ],
)
def test_secrets_are_masked(secret_text: str) -> None:
    assert "s3cret" not in redact(secret_text)
    assert "***" in redact(secret_text)


def test_tokens_are_masked_wherever_they_stand() -> None:
    assert redact(f"got {JWT} from a client") == "got *** from a client"


@pytest.mark.parametrize("text", ["{}", "GET /{}", "at_{}", "key{}", "a{}b", "Bearer {}", "%2F{}"])
def test_api_keys_are_masked_wherever_they_stand(text: str) -> None:
    key = "fon_" + "aB3-_" * 8 + "xyz"

    masked = redact(text.format(key))

    assert "aB3" not in masked
    assert "***" in masked


@pytest.mark.parametrize(
    "text",
    [
        "telefon_verzeichnis-von-sao-paulo",
        "fon_short",
        "Request completed",
        "what? nothing",
        "see https://example.com/path for more",
        "mail a@b.co",
        "Pool: 3 of 4 connections in use",
        "see https://example.com/path@home for more",
        "next=https%3A%2F%2Fexample.com%2Fpath&more",
        "100%3A1",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("name", ["password", "new_password", "Authorization", "jwt_secret"])
def test_a_field_with_a_secrets_name_is_masked_whole(name: str) -> None:
    assert redact_field(name, "anything") == "***"
    assert redact_field(name, ["anything"]) == "***"


@pytest.mark.parametrize(
    "value",
    [
        {"password": "s3cret"},
        {"deep": [{"token": "s3cret"}]},
        ["https://u:s3cret@e.com/"],
        ("https://e.com/?s3cret",),
        {"a": {"b": {"c": {"d": {"e": {"f": "https://u:s3cret@e.com"}}}}}},
    ],
)
def test_a_secret_is_masked_however_deep_it_lies(value: object) -> None:
    shown = repr(redact_field("context", value))

    assert "s3cret" not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/api/https://u:s3cret@e.com/x", "/api/https://***@e.com/x"),
        ("/https://s3cret@e.com/x", "/https://***@e.com/x"),
        ("/api/https:/u:s3cret@e.com/x", "/api/https:/***@e.com/x"),
        ("/api/https:\\\\u:s3cret@e.com", "/api/https:\\\\***@e.com"),
        ("/api/postgresql://u:s3cret@db/x", "/api/postgresql://***@db/x"),
        ("/api/https://u:s3/cr@et@e.com/x", "/api/https://***@e.com/x"),
        ("/api//u:s3cret@e.com", "/api//***@e.com"),
        ("/api/u:s3cret@e.com", "/api/***@e.com"),
        ("/api/u:s3/cret@e.com", "/api/***@e.com"),
        ("/api/s3cret@e.com", "/api/***@e.com"),
        ("/api/https%3A%2F%2Fu%3As3cret%40e.com%2Fx", "/api/https://***@e.com/x"),
        ("/api/https%253A%252F%252Fu%253As3cret%2540e.com", "/api/https://***@e.com"),
        ("/api/https://e.com/x?key=s3cret", "/api/https://e.com/x?***"),
        ("/api/https://e.com/x%3Fkey%3Ds3cret", "/api/https://e.com/x?***"),
        ("/api/e.com%23s3cret", "/api/e.com?***"),
        (f"/api/{JWT}", "/api/***"),
        ("/reset/token=s3cret", "/reset/token=***"),
    ],
)
def test_a_path_shows_nothing_of_a_url_that_somebody_put_there(path: str, logged: str) -> None:
    assert redact_path(path) == logged


@pytest.mark.parametrize(
    "path",
    ["/", "/aB3xY9", "/api/aB3xY9", "/api/user/urls", "/a%20b", "/%C3%A9", "/\N{SNOWMAN}", "/a:b",
     "/api/https://e.com/x", "/api/https%3A%2F%2Fe.com", "/%", "/%zz", "/a;b=c", "/*", ""],
)  # fmt: skip
def test_other_paths_are_left_alone(path: str) -> None:
    assert redact_path(path) == path


@given(
    st.text("aA0:/@%?#.34Ff2-", max_size=40), st.sampled_from(["://", ":/", "%3A%2F%2F", "%253A//"])
)
def test_whatever_stands_around_it_userinfo_is_masked(around: str, mark: str) -> None:
    assert "s3cret" not in redact_path(f"/{around}/https{mark}u:s3cret@e.com/x")


@pytest.mark.parametrize(
    "piece",
    ["a.", "a:", "a@", "http://", "https%3a//", "https%3a%2f%2f", "%25", "%3a%2f", "token ", "a",
     "bearer ", "eyJ-", "secret", "x://y@"],
)  # fmt: skip
def test_no_path_keeps_us_busy(piece: str) -> None:
    path = "/" + piece * (8_000 // len(piece))
    begun = time.process_time()

    for text in (path, f"{path}://", f"{path}@", f"?{path}", f"https://{path}"):
        redact_path(text)

    # Milliseconds; what tries everything twice takes seconds.
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("value", [1, 1.5, True, None, "plain"])
def test_other_fields_keep_their_value_and_type(value: object) -> None:
    assert redact_field("status", value) is value


@settings(deadline=None)
@given(
    st.text("xX:/ _-.", max_size=6),
    st.sampled_from(
        [
            "://",
            "%3a",
            "eyJ",
            "bearer",
            "basic",
            "passw",
            "pwd",
            "secret",
            "token",
            "apikey",
            "api_key",
            "fon_",
        ]
    ),
    st.integers(0, 1023),
)
def test_the_quick_look_at_ascii_misses_nothing(before: str, word: str, cases: int) -> None:
    mixed = "".join(
        letter.upper() if cases >> place & 1 else letter for place, letter in enumerate(word)
    )

    assert redact_module._is_suspect(f"{before}{mixed}x")
    assert redact_module._SUSPECT.search(f"{before}{mixed}x") is not None


@given(st.text(st.sampled_from("pPaAsSwWdDtToOkKeEnNiIyY_-:/%3fF xX")))
def test_the_quick_look_at_ascii_finds_what_the_pattern_finds(text: str) -> None:
    assert redact_module._is_suspect(text) == (redact_module._SUSPECT.search(text) is not None)
