"""Tokens: issued as the frontend decodes them, refused whatever is wrong with them."""

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.errors import InvalidToken
from app.tokens import Tokens

SECRET = "a-secret-of-the-tests-0123456789abcdef"
USER = uuid.UUID("6a7c5b1e-2f43-4f0e-9f57-0d6a3c1f2b4d")
PAST, FUTURE = 1, 2**33  # seconds since 1970: constants keep the names of tests
tokens = Tokens(SECRET)


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {"user_id": str(USER), "iat": now, "nbf": now, "exp": now + 60, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret, algorithm=algorithm)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_an_issued_token_is_accepted() -> None:
    assert tokens.verify(tokens.issue(USER)) == USER


def test_a_token_has_the_claims_the_frontend_reads() -> None:
    before = int(time.time())
    claims = jwt.decode(tokens.issue(USER), SECRET, algorithms=["HS256"])

    assert claims["user_id"] == str(USER)
    assert before <= claims["iat"] == claims["nbf"] <= time.time()
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert set(claims) == {"user_id", "iat", "nbf", "exp"}


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": PAST},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": FUTURE},
        {"nbf": None},
        {"iat": None},
        {"iat": FUTURE},
        {"user_id": None},
        {"user_id": 42},
        {"user_id": ["x"]},
        {"user_id": "admin"},
        {"user_id": ""},
    ],
    ids=repr,
)
def test_claims_that_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(signed(**changes))


FAULTS: dict[str, tuple[Callable[[], str], str]] = {
    "expired": (lambda: signed(exp=PAST), "expired"),
    "from later": (lambda: signed(nbf=FUTURE), "not_yet_valid"),
    "issued later": (lambda: signed(iat=FUTURE), "not_yet_valid"),
    "of another secret": (lambda: signed(secret="another-secret-0123456789-abcdef"), "signature"),
    "of another hash": (lambda: signed(secret=SECRET * 2, algorithm="HS512"), "signature"),
    "without an end": (lambda: signed(exp=None), "malformed"),
    "of nobody": (lambda: signed(user_id="admin"), "malformed"),
    "no token": (lambda: "a.b.c", "malformed"),
    "too long": (lambda: "a" * 100_000, "malformed"),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("previous", [None, "the-secret-before-of-the-tests-012345"])
def test_the_log_is_told_why(name: str, previous: str | None) -> None:
    token, fault = FAULTS[name]

    with pytest.raises(InvalidToken) as caught:
        Tokens(SECRET, previous).verify(token())

    assert caught.value.reason == fault
    assert caught.value.details is None


def test_the_log_is_told_of_the_secret_that_signed_it() -> None:
    with pytest.raises(InvalidToken) as caught:
        Tokens("a-new-secret-of-the-tests-0123456789ab", SECRET).verify(signed(exp=PAST))

    assert caught.value.reason == "expired"


def test_a_token_of_another_secret_is_refused() -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(signed(secret="another-secret-of-the-tests-0123456789"))


def test_another_hash_under_the_right_secret_is_refused() -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(signed(secret=SECRET * 2, algorithm="HS512"))
    with pytest.raises(InvalidToken):
        Tokens(SECRET * 2).verify(signed(secret=SECRET * 2, algorithm="HS512"))


def test_an_unsigned_token_is_refused() -> None:
    claims = signed().split(".")[1]
    unsigned = f"{part({'alg': 'none', 'typ': 'JWT'})}.{claims}."

    with pytest.raises(InvalidToken):
        tokens.verify(unsigned)


def test_claims_changed_after_signing_are_refused() -> None:
    header, _, signature = signed().split(".")
    claims = part({"user_id": str(uuid.uuid4()), "iat": 0, "nbf": 0, "exp": 2**33})

    with pytest.raises(InvalidToken):
        tokens.verify(f"{header}.{claims}.{signature}")


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "null", "é.é.é", "\udc80.a.b", "\0", "a" * 100_000]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(text)


def test_deeply_nested_claims_are_refused() -> None:
    header, _, signature = signed().split(".")
    claims = base64.urlsafe_b64encode(b"[" * 1400).rstrip(b"=").decode()

    with pytest.raises(InvalidToken):
        tokens.verify(f"{header}.{claims}.{signature}")


@given(st.text(max_size=200))
def test_any_text_is_refused_and_nothing_else_is_raised(text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(text)


def test_while_the_secret_is_replaced_tokens_of_the_previous_one_are_accepted() -> None:
    old, new = SECRET, SECRET[::-1]

    replaced = Tokens(new, previous=old)

    assert replaced.verify(Tokens(old).issue(USER)) == USER
    assert Tokens(new).verify(replaced.issue(USER)) == USER
    with pytest.raises(InvalidToken):
        replaced.verify(Tokens("another-secret-0123456789abcdefgh").issue(USER))
