"""`GET /api/export`: all of the caller's links, as JSON Lines or CSV."""

from __future__ import annotations

from flask import Blueprint, Request, Response, request

from app import codes
from app.model.callers import Scope
from app.model.errors import InvalidQuery
from app.model.transfers import Format
from app.routes.admission import Admission
from app.transfer.exporting import Exporting, Wanted

LINES = "application/jsonl"
CSV = "text/csv"
_MEDIA_TYPES = {Format.JSONL: LINES, Format.CSV: f"{CSV}; charset=utf-8; header=present"}


def exports_blueprint(exporting: Exporting, admission: Admission) -> Blueprint:
    """Return the route."""
    blueprint = Blueprint("exports", __name__, url_prefix="/api")

    @blueprint.get("/export")
    def export() -> Response:
        caller = admission.owner(request, Scope.LINKS_READ)
        format_, after = _query(request)
        pieces, count = exporting.export(Wanted(caller, format_, after))
        if request.method == "HEAD":
            pieces.close()  # nobody would: there is no body
        # Werkzeug closes the iterator with the answer, whoever breaks it off.
        answer = Response(pieces, 200, content_type=_MEDIA_TYPES[format_])
        answer.headers["Content-Disposition"] = f'attachment; filename="links.{format_}"'
        answer.headers["X-Total-Links"] = str(count)
        return answer

    return blueprint


def _query(request: Request) -> tuple[Format, str]:
    format_ = request.args.get("format", Format.JSONL)
    if format_ not in _MEDIA_TYPES:
        raise InvalidQuery("format must be jsonl or csv")
    after = request.args.get("after", "")
    if after and not codes.is_alias(after):
        raise InvalidQuery("after must be the code of the last link that was received")
    return Format(format_), after
