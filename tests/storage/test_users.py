"""The table of users."""

import pytest

from app.model.errors import EmailExists, UsernameExists
from app.storage.users import UserTable
from tests.harness.servers import Database


def test_a_user_is_stored_and_found(users: UserTable) -> None:
    user = users.insert("ada", "ada@e.com", "hash")

    assert (user.username, user.email) == ("ada", "ada@e.com")
    assert user.created_at.utcoffset() is not None
    assert users.credentials("ada@e.com") == (user.id, "hash")


def test_a_username_may_be_left_out_by_many(users: UserTable) -> None:
    assert users.insert(None, "a@e.com", "hash").username is None
    assert users.insert(None, "b@e.com", "hash").username is None


@pytest.mark.parametrize("again", ["ada@e.com", "ADA@E.com", "Ada@e.Com"])
def test_an_address_is_taken_whatever_its_case(users: UserTable, again: str) -> None:
    users.insert(None, "ada@e.com", "hash")

    with pytest.raises(EmailExists):
        users.insert("other", again, "hash")


def test_a_username_is_taken(users: UserTable) -> None:
    users.insert("ada", "ada@e.com", "hash")

    with pytest.raises(UsernameExists):
        users.insert("ada", "other@e.com", "hash")


def test_when_both_are_taken_the_address_is_said(users: UserTable) -> None:
    users.insert("ada", "ada@e.com", "hash")

    with pytest.raises(EmailExists):
        users.insert("ada", "ADA@e.com", "hash")


def test_credentials_are_found_whatever_the_case(users: UserTable) -> None:
    user = users.insert(None, "Ada@e.com", "hash")

    assert users.credentials("aDA@E.COM") == (user.id, "hash")


@pytest.mark.parametrize("address", ["nobody@e.com", "", "%", "a' OR 1=1 --"])
def test_nobody_has_credentials(users: UserTable, address: str) -> None:
    users.insert(None, "ada@e.com", "hash")

    assert users.credentials(address) is None


def test_who_left_has_no_credentials(users: UserTable, tables: Database) -> None:
    users.insert(None, "ada@e.com", "hash")
    with tables.connect() as connection:
        connection.execute("UPDATE users SET deleted_at = now()")

    assert users.credentials("ada@e.com") is None


def test_of_old_addresses_that_differ_in_case_the_one_typed_goes_first(
    users: UserTable, tables: Database
) -> None:
    with tables.connect() as connection:
        connection.execute(
            "INSERT INTO users (email, password_hash, email_ambiguous, created_at) VALUES"
            " ('Ada@e.com', 'first', false, '2020-01-01'),"
            " ('ada@e.com', 'second', true, '2021-01-01')"
        )

    found = [users.credentials(email) for email in ("Ada@e.com", "ada@e.com", "ADA@e.com")]

    assert [row and row[1] for row in found] == ["first", "second", "first"]
