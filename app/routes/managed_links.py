"""`/api/links/<code>`: see, change, disable, enable and delete one's own links."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from app.links import Links
from app.managing import Managing
from app.model.callers import Scope
from app.model.errors import InvalidJson
from app.routes.admission import Admission
from app.routes.answers import empty_answer
from app.routes.bodies import LONGEST_OF_OWNERS, BodyReader
from app.routes.link_answers import LinkAnswers, seen_versions
from app.routes.origins import Origins


def managed_links_blueprint(
    links: Links,
    managing: Managing,
    admission: Admission,
    answers: LinkAnswers,
    origins: Origins,
) -> Blueprint:
    """Return the routes for one of the caller's links."""
    blueprint = Blueprint("managed_links", __name__, url_prefix="/api/links/<code>")
    patches: BodyReader[dict[str, Any]] = BodyReader(dict[str, Any], InvalidJson, origins)

    @blueprint.get("")
    def show(code: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_READ)
        return answers.answer(request, managing.get(code, caller))

    @blueprint.patch("")
    def change(code: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        accept = partial(links.accept, request_host=request.host)
        request.max_content_length = LONGEST_OF_OWNERS
        patch = patches.read(request)
        changed = managing.change(code, patch, caller, accept, seen_versions(request))
        return answers.answer(request, changed)

    @blueprint.delete("")
    def delete(code: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        managing.delete(code, caller, seen_versions(request))
        return empty_answer()

    @blueprint.post("/enable")
    def enable(code: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        enabled = managing.enable(code, caller, seen_versions(request))
        return answers.answer(request, enabled)

    @blueprint.post("/disable")
    def disable(code: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        disabled = managing.disable(code, caller, seen_versions(request))
        return answers.answer(request, disabled)

    return blueprint
