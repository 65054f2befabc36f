"""The parameters of paths, queries and headers, described once."""

from __future__ import annotations

from typing import Any

from app import qr_codes
from app.codes import LONGEST_ALIAS, SHORTEST_ALIAS
from app.fields import LONGEST_TAG
from app.listing import LONGEST_PAGE, LONGEST_SEARCH, SORTS, USUAL_PAGE
from app.model.managed_links import State
from app.qr_codes import Look
from app.routes.openapi.access_operations import ACCESS_PARAMETERS
from app.routes.openapi.statistics_operations import STATISTICS_PARAMETERS
from app.routes.openapi.transfer_operations import TRANSFER_PARAMETERS

_COLOUR = "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"
_FILTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "search": (
        "Part of code, title, target or a tag's name, in any case",
        {"type": "string", "maxLength": LONGEST_SEARCH},
    ),
    "with-tag": ("Links with this tag alone, in any case", {"type": "string"}),
    "state": (
        "Links in this state alone; without it all but the deleted ones",
        {"type": "string", "enum": [state.value for state in State]},
    ),
    "sort": (
        "What to sort by, with - for the largest first",
        {
            "type": "string",
            "enum": [sign + name for name in SORTS for sign in ("", "-")],
            "default": "-created_at",
        },
    ),
    "limit": (
        "How many at most",
        {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": USUAL_PAGE},
    ),
    "cursor": ("The `cursor` of the page before, for the same list", {"type": "string"}),
}
_PICTURE: dict[str, tuple[str, dict[str, Any]]] = {
    "size": (
        "Pixels; a PNG may have somewhat fewer",
        {
            "type": "integer",
            "minimum": qr_codes.SMALLEST,
            "maximum": qr_codes.LARGEST,
            "default": Look().size,
        },
    ),
    "margin": (
        "Modules around it",
        {"type": "integer", "minimum": 0, "maximum": qr_codes.WIDEST_MARGIN, "default": 4},
    ),
    "level": (
        "How much of it may be damaged",
        {"type": "string", "enum": list(qr_codes.LEVELS), "default": Look().level},
    ),
    "dark": ("A colour", {"type": "string", "pattern": _COLOUR, "default": Look().dark}),
    "light": (
        "A colour, or `none`",
        {"type": "string", "pattern": f"{_COLOUR}|^none$", "default": Look().light},
    ),
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "code": {
        "name": "code",
        "in": "path",
        "required": True,
        "description": "The short code, or an alias in any case",
        "schema": {
            "type": "string",
            "pattern": f"^[a-zA-Z0-9_-]{{{SHORTEST_ALIAS},{LONGEST_ALIAS}}}$",
        },
    },
    "named-tag": {
        "name": "tag",
        "in": "path",
        "required": True,
        "description": "A tag's name, in any case, percent-encoded, slashes too. Behind `.` and"
        " `..` put a space (`..%20`): many clients take both out of paths",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_TAG},
    },
    **{
        name: {
            "name": name.removeprefix("with-"),
            "in": "query",
            "description": text,
            "schema": schema,
        }
        for name, (text, schema) in _FILTERS.items()
    },
    **{
        name: {"name": name, "in": "query", "description": text, "schema": schema}
        for name, (text, schema) in _PICTURE.items()
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key within a day gives the same answer; chosen by the client",
        "schema": {"type": "string", "pattern": "^[!-~][ -~]{0,254}$"},
    },
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` of the link as it was seen; 412 if it has changed",
        "schema": {"type": "string"},
        "example": '"7"',
    },
    "version": {
        "name": "version",
        "in": "path",
        "required": True,
        "description": "Which the page names; any other gets what there is, not to be kept",
        "schema": {"type": "string"},
    },
    "name": {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "Of a file",
        "schema": {"type": "string"},
    },
    **STATISTICS_PARAMETERS,
    **ACCESS_PARAMETERS,
    **TRANSFER_PARAMETERS,
    "X-Request-ID": {
        "name": "X-Request-ID",
        "in": "header",
        "description": "Names this request in answer and logs; another one is made if malformed",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    },
}
