"""What accounts and API keys look like over the wire."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.fields import LONGEST_TAG, GivenMoment
from app.keys import LONGEST_NAME
from app.model.callers import Scope
from app.routes.schemas import Account, GivenPassword, Moment, Token
from app.secret_keys import PREFIX

ScopeName = Annotated[
    str,
    Meta(
        description="What a key may do",
        extra_json_schema={"enum": [scope.value for scope in Scope]},
    ),
]
KeyName = Annotated[
    str,
    Meta(description="For people", extra_json_schema={"minLength": 1, "maxLength": LONGEST_NAME}),
]
KeyTag = Annotated[
    str,
    Meta(
        description="The key sees and makes only links with this tag, in any case",
        extra_json_schema={"minLength": 1, "maxLength": LONGEST_TAG},
    ),
]
Secret = Annotated[
    str,
    Meta(
        description="The key itself, told this once",
        extra_json_schema={"pattern": f"^{PREFIX}[A-Za-z0-9_-]{{43}}$"},
    ),
]


class KeyBody(msgspec.Struct, frozen=True):
    """What `POST /api/keys` takes."""

    name: KeyName
    scopes: list[ScopeName]
    expires_at: GivenMoment | None = None
    tag: KeyTag | None = None


class Key(msgspec.Struct, frozen=True):
    """An API key; `last_used_at` is right to about a minute."""

    id: UUID
    name: str
    prefix: Annotated[str, Meta(description="How the key begins")]
    scopes: list[ScopeName]
    tag: str | None
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None


class NewKey(msgspec.Struct, frozen=True):
    """A key was made."""

    message: Literal["API key created successfully"]
    key: Key
    secret: Secret


class KeyList(msgspec.Struct, frozen=True):
    """The keys of an account, the newest first."""

    message: Literal["API keys retrieved successfully"]
    keys: list[Key]


class AccountAnswer(msgspec.Struct, frozen=True):
    """Whose token or key it is; `key` where it is a key."""

    message: Literal["Account retrieved successfully"]
    account: Account
    key: Key | UnsetType = UNSET


class PasswordBody(msgspec.Struct, frozen=True):
    """What `POST /api/account/password` takes."""

    current_password: GivenPassword
    new_password: GivenPassword


class PasswordChanged(msgspec.Struct, frozen=True):
    """The password is the new one, and this token the only good one."""

    message: Literal["Password changed successfully"]
    token: Token


class LogoutBody(msgspec.Struct, frozen=True):
    """What `POST /api/account/logout-everywhere` takes; it may be left out."""

    keys: Annotated[bool, Meta(description="Whether all API keys are revoked too")] = False


class DeletionBody(msgspec.Struct, frozen=True):
    """What `DELETE /api/account` takes."""

    password: GivenPassword
    links: Annotated[
        str,
        Meta(
            description="What becomes of its links: nobody's and as they are, or also disabled",
            extra_json_schema={"enum": ["keep", "disable"]},
        ),
    ]
