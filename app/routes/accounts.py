"""`/api/signup` and `/api/login`."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.accounts import Accounts
from app.model.errors import InvalidPayload
from app.routes.answers import in_utc, json_answer
from app.routes.bodies import BodyReader
from app.routes.origins import Origins
from app.routes.schemas import Account, LoggedIn, LoginBody, SignedUp, SignupBody
from app.storage.rate_limits import RateLimits


def accounts_blueprint(accounts: Accounts, limits: RateLimits, origins: Origins) -> Blueprint:
    """Return the routes of the API for accounts."""
    blueprint = Blueprint("accounts", __name__, url_prefix="/api")
    signups = BodyReader(SignupBody, InvalidPayload, origins)
    logins = BodyReader(LoginBody, InvalidPayload, origins)

    @blueprint.post("/signup")
    def sign_up() -> Response:
        limits.auth(request.remote_addr)
        body = signups.read(request)
        user, token = accounts.sign_up(body.email, body.password, body.username)
        account = Account(user.id, user.username, user.email, in_utc(user.created_at))
        return json_answer(SignedUp("User created successfully", account, token), 201)

    @blueprint.post("/login")
    def log_in() -> Response:
        limits.auth(request.remote_addr)
        body = logins.read(request)
        return json_answer(LoggedIn(accounts.log_in(body.email, body.password)))

    return blueprint
