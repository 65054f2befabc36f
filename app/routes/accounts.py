"""`/api/signup` and `/api/login`."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.accounts import Accounts
from app.model import InvalidPayload
from app.routes.answers import json_answer, private, utc_text
from app.routes.bodies import BodyReader, LoginBody, SignupBody
from app.storage.rate_limits import RateLimits


def accounts_blueprint(accounts: Accounts, limits: RateLimits) -> Blueprint:
    """Return the routes of the API for accounts."""
    blueprint = Blueprint("accounts", __name__, url_prefix="/api")
    signups = BodyReader(SignupBody, InvalidPayload)
    logins = BodyReader(LoginBody, InvalidPayload)

    @blueprint.post("/signup")
    def sign_up() -> Response:
        limits.auth(request.remote_addr)
        body = signups.read(request)
        user, token = accounts.sign_up(body.email, body.password, body.username)
        described = {
            "id": str(user.id),
            "username": user.username,
            "email": user.email,
            "created_at": utc_text(user.created_at),
        }
        message = "User created successfully"
        return private(json_answer({"message": message, "user": described, "token": token}, 201))

    @blueprint.post("/login")
    def log_in() -> Response:
        limits.auth(request.remote_addr)
        body = logins.read(request)
        return private(json_answer({"token": accounts.log_in(body.email, body.password)}))

    return blueprint
