"""What somebody can do with their account and their API keys, operation by operation."""

from __future__ import annotations

from app.model import errors
from app.routes import schemas_access as schemas
from app.routes.openapi.operation import ANY_SCOPE, LOGIN_ONLY, Answer, Operation

_KNOWN = (errors.MissingToken, errors.InvalidToken, errors.DatabaseUnavailable)

ACCESS_STRUCTS = (
    schemas.KeyBody,
    schemas.NewKey,
    schemas.KeyList,
    schemas.AccountAnswer,
    schemas.PasswordBody,
    schemas.PasswordChanged,
    schemas.LogoutBody,
    schemas.DeletionBody,
)
ACCESS_PARAMETERS = {
    "key_id": {
        "name": "key_id",
        "in": "path",
        "required": True,
        "description": "The `id` of a key",
        "schema": {"type": "string", "format": "uuid"},
    }
}


def access() -> tuple[Operation, ...]:
    """Return the operations on accounts and keys."""
    return (*_keys(), *_account())


def _keys() -> tuple[Operation, ...]:
    return (
        Operation(
            "post", "/api/keys", "createKey", "Access", "Make an API key",
            "Its secret is in this answer and nowhere else. A key may do what its scopes say, and"
            " with a `tag` only to links that have it; 100 for each account.",
            (Answer(201, "A new key", schemas.NewKey),),
            (*_KNOWN, errors.InvalidPayload, errors.TooManyKeys),
            body=schemas.KeyBody, limit="RATE_LIMIT", bearer="required", scope=LOGIN_ONLY,
        ),
        Operation(
            "get", "/api/keys", "listKeys", "Access", "List one's API keys", "The newest first.",
            (Answer(200, "The keys, without their secrets", schemas.KeyList),), _KNOWN,
            limit="RATE_LIMIT", bearer="required", scope=LOGIN_ONLY,
        ),
        Operation(
            "delete", "/api/keys/{key_id}", "deleteKey", "Access", "Revoke an API key",
            "It is refused everywhere within 5 seconds.",
            (Answer(204, "The key is revoked", media_type=""),),
            (*_KNOWN, errors.KeyNotFound),
            limit="RATE_LIMIT", bearer="required", scope=LOGIN_ONLY, parameters=("key_id",),
        ),
    )  # fmt: skip


def _account() -> tuple[Operation, ...]:
    password = (*_KNOWN, errors.InvalidPayload, errors.WrongPassword)
    return (
        Operation(
            "get", "/api/account", "getAccount", "Access", "Tell whose token or key this is",
            "With an API key, also what the key may do.",
            (Answer(200, "The account", schemas.AccountAnswer),), (*_KNOWN, errors.KeyNotFound),
            limit="RATE_LIMIT", bearer="required", scope=ANY_SCOPE,
        ),
        Operation(
            "post", "/api/account/password", "changePassword", "Access", "Change one's password",
            "All tokens end everywhere within 5 seconds, but for the new one of this answer. API"
            " keys stay. `RATE_LIMIT_AUTH` counts tries, by address and by account.",
            (Answer(200, "The password is changed", schemas.PasswordChanged),), password,
            body=schemas.PasswordBody, limit="RATE_LIMIT", bearer="required", scope=LOGIN_ONLY,
        ),
        Operation(
            "post", "/api/account/logout-everywhere", "logOutEverywhere", "Access",
            "End all tokens",
            "Also the one that this is asked with; everywhere within 5 seconds. API keys stay,"
            " unless `keys` is true. The body may be left out.",
            (Answer(204, "All tokens have ended", media_type=""),),
            (*_KNOWN, errors.InvalidPayload),
            body=schemas.LogoutBody, limit="RATE_LIMIT", bearer="required", scope=LOGIN_ONLY,
        ),
        Operation(
            "delete", "/api/account", "deleteAccount", "Access", "Delete one's account",
            "Tokens and keys end, and the address can sign up again. Links become nobody's: they"
            " go on leading where they lead, or are disabled; with very many that takes minutes.",
            (Answer(204, "The account is deleted", media_type=""),), password,
            body=schemas.DeletionBody, limit="RATE_LIMIT", bearer="required", scope=LOGIN_ONLY,
        ),
    )  # fmt: skip
