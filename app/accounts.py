"""Sign up and log in: the use cases of accounts."""

from __future__ import annotations

import contextlib

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from app import metrics, passwords
from app.model.accounts import User
from app.model.errors import InvalidCredentials, InvalidPayload, ServiceError
from app.passwords import Passwords
from app.storage.users import UserTable
from app.tokens import Tokens

LONGEST_EMAIL = 254
"""Characters (RFC 5321, erratum 1690)."""

_USERNAME_LENGTHS = range(3, 65)


class Accounts:
    """The use cases."""

    def __init__(self, table: UserTable, hashes: Passwords, tokens: Tokens) -> None:
        self._table = table
        self._passwords = hashes
        self._tokens = tokens

    def sign_up(self, email: str, password: str, username: str | None) -> tuple[User, str]:
        """Return the new user and a token.

        Errors: InvalidPayload with the reason, EmailExists, UsernameExists, RateLimitExceeded,
        DatabaseUnavailable.
        """
        address = _checked_email(email)
        check_password(password)
        name = _checked_username(username)
        try:
            user = self._table.insert(
                name, address, self._passwords.hash(password), also=_spellings(email)
            )
        except ServiceError:
            metrics.record_account("refused")
            raise
        metrics.record_account("signed_up")
        return user, self._tokens.issue(user.id)

    def log_in(self, email: str, password: str) -> str:
        """Return a token.

        InvalidCredentials, after the same time for a known and an unknown address. Other errors:
        InvalidPayload, RateLimitExceeded, DatabaseUnavailable.
        """
        if not email or not password:
            raise InvalidPayload("email and password are needed")
        spellings = _spellings(email)
        known = self._table.login(*spellings) if spellings else None
        if len(password) > passwords.LONGEST:
            # As costly as any other wrong password, but never as costly as the client likes.
            password, known = password[: passwords.LONGEST], None
        right = self._passwords.verify(password, None if known is None else known[1])
        if known is None or not right:
            metrics.record_account("refused")
            raise InvalidCredentials
        metrics.record_account("logged_in")
        return self._tokens.issue(known[0], known[2])


def _checked_email(email: str) -> str:
    if len(email) > LONGEST_EMAIL:
        raise InvalidPayload(f"an email address has at most {LONGEST_EMAIL} characters")
    try:
        return _read(email).normalized
    except EmailNotValidError:
        raise InvalidPayload("this is not a valid email address") from None


def _read(email: str) -> ValidatedEmail:
    return validate_email(email.strip(), check_deliverability=False)


def _spellings(email: str) -> list[str]:
    """Return what an account may have stored for an address, what was typed first.

    Signup stores the normal form. The service before stored what was typed, which may be punycode,
    a decomposed accent, spaces around, or no address at all by the rules of today.
    """
    if "\0" in email or not _is_encodable(email):
        return []  # PostgreSQL stores neither
    spellings = [email, email.strip()]
    if len(email) <= LONGEST_EMAIL:
        with contextlib.suppress(EmailNotValidError):
            read = _read(email)
            spellings += [read.normalized, f"{read.local_part}@{read.ascii_domain}"]
    return list(dict.fromkeys(spellings))


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_password(password: str) -> None:
    """Raise InvalidPayload for a password that is too short or too long."""
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        raise InvalidPayload(
            f"a password has {passwords.SHORTEST} to {passwords.LONGEST} characters"
        )


def _checked_username(username: str | None) -> str | None:
    name = (username or "").strip()
    if not name:
        return None
    if len(name) not in _USERNAME_LENGTHS:
        raise InvalidPayload("a name has 3 to 64 characters")
    if not name.isprintable():
        raise InvalidPayload("a name has no control characters")
    return name
