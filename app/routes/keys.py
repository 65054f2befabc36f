"""`/api/keys`: the API keys of whoever is logged in."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.keys import GivenKey, Keys
from app.model.callers import ApiKey
from app.model.errors import InvalidPayload
from app.routes.admission import Admission
from app.routes.answers import empty_answer, in_utc, json_answer
from app.routes.bodies import BodyReader
from app.routes.origins import Origins
from app.routes.schemas_access import Key, KeyBody, KeyList, NewKey


def keys_blueprint(keys: Keys, admission: Admission, origins: Origins) -> Blueprint:
    """Return the routes."""
    blueprint = Blueprint("keys", __name__, url_prefix="/api/keys")
    bodies = BodyReader(KeyBody, InvalidPayload, origins)

    @blueprint.post("")
    def make() -> Response:
        user = admission.logged_in(request).user
        body = bodies.read(request)
        given = GivenKey(body.name, body.scopes, body.expires_at, body.tag)
        key, secret = keys.make(user, given)
        return json_answer(NewKey("API key created successfully", shown(key), secret), 201)

    @blueprint.get("")
    def own() -> Response:
        found = keys.list(admission.logged_in(request).user)
        return json_answer(
            KeyList("API keys retrieved successfully", [shown(key) for key in found])
        )

    @blueprint.delete("/<key_id>")
    def revoke(key_id: str) -> Response:
        keys.revoke(admission.logged_in(request).user, key_id)
        return empty_answer()

    return blueprint


def shown(key: ApiKey) -> Key:
    """Return what is said of a key."""
    return Key(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=list(key.scopes),
        tag=key.tag,
        created_at=in_utc(key.created_at),
        expires_at=key.expires_at and in_utc(key.expires_at),
        last_used_at=key.last_used_at and in_utc(key.last_used_at),
    )
