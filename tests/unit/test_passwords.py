"""Passwords: Argon2id for new ones; bcrypt verified, without its cut at 72 bytes."""

import threading

import bcrypt
import pytest

from app import passwords
from app.model.errors import RateLimitExceeded
from app.passwords import Passwords

# Made with Go's golang.org/x/crypto/bcrypt at its default cost would look the same: $2a$10$.
GO_HASH = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4, prefix=b"2a")).decode()


@pytest.fixture(scope="module")
def hashes() -> Passwords:
    """Hash two at a time."""
    return Passwords(concurrent=2)


def bcrypt_of(password: bytes) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(4, prefix=b"2a")).decode()


def test_a_new_hash_is_argon2id_at_owasps_cost(hashes: Passwords) -> None:
    assert hashes.hash("secret1").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_same_password_never_hashes_the_same(hashes: Passwords) -> None:
    assert hashes.hash("secret1") != hashes.hash("secret1")


@pytest.mark.parametrize("password", ["secret1", "pässwörd", "a" * 128, "🔑" * 128, "nul\0inside"])
def test_the_right_password_is_recognised(hashes: Passwords, password: str) -> None:
    assert hashes.verify(password, hashes.hash(password))


@pytest.mark.parametrize("wrong", ["secret2", "Secret1", "secret1 ", "secret", "secret1\0", ""])
def test_a_wrong_password_is_not(hashes: Passwords, wrong: str) -> None:
    assert not hashes.verify(wrong, hashes.hash("secret1"))


def test_characters_after_the_72nd_byte_count(hashes: Passwords) -> None:
    stored = hashes.hash("a" * 72 + "right")

    assert not hashes.verify("a" * 72 + "wrong", stored)


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_a_hash_of_the_go_service_is_recognised(hashes: Passwords, prefix: str) -> None:
    stored = prefix + GO_HASH[4:]

    assert hashes.verify("correct horse", stored)
    assert not hashes.verify("correct house", stored)


def test_a_hash_that_go_made_is_recognised(hashes: Passwords) -> None:
    # The vector of golang.org/x/crypto/bcrypt's own tests.
    stored = "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga"

    assert hashes.verify("allmine", stored)
    assert not hashes.verify("allmina", stored)


def test_a_password_of_72_bytes_fits_bcrypt(hashes: Passwords) -> None:
    assert hashes.verify("a" * 72, bcrypt_of(b"a" * 72))


@pytest.mark.parametrize("longer", ["a" * 73, "a" * 72 + "anything", "a" * 71 + "é"])
def test_bcrypts_cut_lets_no_longer_password_in(hashes: Passwords, longer: str) -> None:
    assert not hashes.verify(longer, bcrypt_of(longer.encode()[:72]))


@pytest.mark.parametrize("password", ["secret\0", "secret\0more"])
def test_bcrypts_cut_at_nul_lets_no_other_password_in(hashes: Passwords, password: str) -> None:
    assert not hashes.verify(password, bcrypt_of(b"secret"))


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain text",
        "$2a$",
        "$2a$10$short",
        "$2a$99$" + "." * 53,
        "$argon2id$",
        "$argon2id$v=19$m=x$a$b",
        "$1$md5$hash",
        "é\0",
    ],
)
def test_an_unreadable_hash_matches_nothing(hashes: Passwords, stored: str) -> None:
    assert not hashes.verify("secret1", stored)
    assert not hashes.verify("", stored)


@pytest.mark.parametrize("password", ["nobody", "secret1", "too long", ""])
def test_nobody_has_a_password(hashes: Passwords, password: str) -> None:
    assert not hashes.verify(password, None)


def test_nobodys_hashes_cost_what_others_do(hashes: Passwords) -> None:
    new = hashes.hash("secret1")

    assert passwords._NOBODY_ARGON2.split("$")[1:4] == new.split("$")[1:4]
    assert passwords._NOBODY_BCRYPT.startswith("$2b$10$")
    # Verified to the end, and wrong: one that cannot be read would raise, and take no time.
    for each in (passwords._NOBODY_ARGON2, passwords._NOBODY_BCRYPT):
        assert not hashes._hashes.verify("anything", each)


@pytest.mark.parametrize("kind", ["argon2", "bcrypt", "nobody"])
def test_the_same_work_is_done_whatever_is_stored(
    hashes: Passwords, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    stored = {"argon2": hashes.hash("x" * 6), "bcrypt": GO_HASH, "nobody": None}[kind]
    verified: list[str] = []

    def note(_self: Passwords, _password: str, against: str) -> bool:
        verified.append(against.split("$")[1][:2])
        return True

    monkeypatch.setattr(Passwords, "_right", note)
    hashes.verify("secret1", stored)

    assert verified[0] == "ar"
    assert verified[1:] in (["2a"], ["2b"])


def test_who_gets_no_turn_in_time_is_told_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_WAIT", 0.01)
    busy = Passwords(concurrent=1, admitted=2)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with busy._turns:
            entered.set()
            leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(30)
    try:
        with pytest.raises(RateLimitExceeded) as caught:
            busy.hash("secret1")
    finally:
        leave.set()
        holder.join()

    assert caught.value.retry_after == 1
    assert busy.hash("secret1")


def test_who_would_wait_for_a_thread_too_many_is_told_at_once() -> None:
    busy = Passwords(concurrent=1, admitted=1)

    with busy._turns, pytest.raises(RateLimitExceeded):
        busy.hash("secret1")

    assert busy.hash("secret1")
