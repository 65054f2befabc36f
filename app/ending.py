"""Change a password, log out everywhere, delete an account: what ends tokens and keys."""

from __future__ import annotations

import contextlib
from uuid import UUID

from app import metrics, passwords
from app.access import Access
from app.accounts import check_password
from app.model.accounts import User
from app.model.errors import DatabaseUnavailable, InvalidToken, TokenFault, WrongPassword
from app.passwords import Passwords
from app.storage.account_ends import AccountEnds
from app.storage.users import UserTable
from app.tokens import Tokens


class Ending:
    """The use cases of whoever is logged in.

    Errors beside those named: InvalidToken where the account is gone, DatabaseUnavailable.
    """

    def __init__(
        self,
        users: UserTable,
        ends: AccountEnds,
        hashes: Passwords,
        tokens: Tokens,
        access: Access,
    ) -> None:
        self._users = users
        self._ends = ends
        self._passwords = hashes
        self._tokens = tokens
        self._access = access

    def show(self, user: UUID) -> User:
        """Return somebody's account."""
        found = self._users.show(user)
        if found is None:
            raise InvalidToken(TokenFault.USER_GONE)
        return found

    def change_password(self, user: UUID, current: str, new: str) -> str:
        """Change a password, end all tokens, and return a new one.

        Errors: InvalidPayload for a new one that is too short or long, WrongPassword,
        RateLimitExceeded.
        """
        check_password(new)
        stored = self._verified(user, current)
        generation = self._ends.change_password(user, stored, self._passwords.hash(new))
        if generation is None:
            raise WrongPassword  # it was changed at this very moment
        self._access.forget(user)
        metrics.record_account("password_changed")
        return self._tokens.issue(user, generation)

    def log_out_everywhere(self, user: UUID, *, keys: bool) -> None:
        """End all tokens, and all API keys too if asked to."""
        if not self._ends.end_tokens(user, keys=keys):
            raise InvalidToken(TokenFault.USER_GONE)
        self._access.forget(user)
        metrics.record_account("logged_out_everywhere")

    def delete(self, user: UUID, password: str, *, disable_links: bool) -> None:
        """Delete an account with its tokens and keys; its links become nobody's.

        Errors: WrongPassword, RateLimitExceeded.
        """
        stored = self._verified(user, password)
        if not self._ends.delete(user, stored, disable=disable_links):
            if self._ends.password_hash(user) is not None:
                raise WrongPassword  # it was changed at this very moment
        else:
            metrics.record_account("deleted")
        self._access.forget(user)
        # It is done, whatever comes now: what is left here, the sweeper goes on with.
        with contextlib.suppress(DatabaseUnavailable):
            self._ends.take_links(user, disable=disable_links)

    def _verified(self, user: UUID, password: str) -> str:
        """Return the hash of somebody's password, if it is this one."""
        stored = self._ends.password_hash(user)
        if stored is None:
            raise InvalidToken(TokenFault.USER_GONE)
        # As costly as any other wrong password, but never as costly as the client likes.
        fits = len(password) <= passwords.LONGEST
        right = self._passwords.verify(password[: passwords.LONGEST], stored)
        if not right or not fits:
            metrics.record_account("refused")
            raise WrongPassword
        return stored
