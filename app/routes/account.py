"""`/api/account`: see one's account, change its password, log out everywhere, delete it."""

from __future__ import annotations

from flask import Blueprint, Request, Response, request

from app.ending import Ending
from app.keys import Keys
from app.model.errors import InvalidPayload
from app.routes.admission import Admission
from app.routes.answers import empty_answer, in_utc, json_answer
from app.routes.bodies import BodyReader
from app.routes.keys import shown
from app.routes.origins import Origins
from app.routes.schemas import Account
from app.routes.schemas_access import (
    AccountAnswer,
    DeletionBody,
    LogoutBody,
    PasswordBody,
    PasswordChanged,
)
from app.storage.rate_limits import RateLimits

_LINKS = ("keep", "disable")


def account_blueprint(
    ending: Ending, keys: Keys, admission: Admission, limits: RateLimits, origins: Origins
) -> Blueprint:
    """Return the routes; a password is tried as seldom as at a login, from one address or many."""
    blueprint = Blueprint("account", __name__, url_prefix="/api/account")
    passwords = BodyReader(PasswordBody, InvalidPayload, origins)
    logouts = BodyReader(LogoutBody, InvalidPayload, origins)
    deletions = BodyReader(DeletionBody, InvalidPayload, origins)

    @blueprint.get("")
    def show() -> Response:
        caller = admission.owner(request, None)
        user = ending.show(caller.user)
        answer = AccountAnswer(
            "Account retrieved successfully",
            Account(user.id, user.username, user.email, in_utc(user.created_at)),
        )
        if caller.key is not None:
            answer = AccountAnswer(
                answer.message, answer.account, shown(keys.show(caller.user, caller.key))
            )
        return json_answer(answer)

    @blueprint.post("/password")
    def change_password() -> Response:
        user = admission.logged_in(request).user
        body = passwords.read(request)
        limits.auth(request.remote_addr)
        limits.password_of(user)
        token = ending.change_password(user, body.current_password, body.new_password)
        return json_answer(PasswordChanged("Password changed successfully", token))

    @blueprint.post("/logout-everywhere")
    def log_out_everywhere() -> Response:
        user = admission.logged_in(request).user
        body = LogoutBody() if _is_empty(request) else logouts.read(request)
        ending.log_out_everywhere(user, keys=body.keys)
        return empty_answer()

    @blueprint.delete("")
    def delete() -> Response:
        user = admission.logged_in(request).user
        body = deletions.read(request)
        if body.links not in _LINKS:
            raise InvalidPayload(f"links must be one of {', '.join(_LINKS)}")
        limits.auth(request.remote_addr)
        limits.password_of(user)
        ending.delete(user, body.password, disable_links=body.links == "disable")
        return empty_answer()

    return blueprint


def _is_empty(request: Request) -> bool:
    return not request.content_length and "Transfer-Encoding" not in request.headers
