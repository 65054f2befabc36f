"""What an owner can ask about visits, operation by operation."""

from __future__ import annotations

from typing import Any

from app.model import errors
from app.model.callers import Scope
from app.routes.openapi.operation import Answer, Operation
from app.routes.schemas_statistics import StatisticsAnswer

CSV = "text/csv"
_READ = Scope.STATISTICS_READ
_OWN = (
    errors.MissingToken,
    errors.InvalidToken,
    errors.InvalidQuery,
    errors.DatabaseUnavailable,
)
_TIME = ("from", "to", "interval", "tz")
_AT = "/api/links/{code}/statistics"
_JSON_ANSWER = Answer(
    200, "A series without holes, its sum, and where visits came from", StatisticsAnswer
)
_CSV_ANSWER = Answer(
    200, "The same as rows: kind, name, visits, visitors, bots, scans", media_type=CSV,
    headers=("Content-Disposition",),
)  # fmt: skip
_TEXT = (
    "The last 30 days unless told otherwise. Days, weeks and months are those of `tz`, daylight"
    " saving included; an old day is one of UTC. Visits are counted by quarters of an hour: moments"
    " are rounded outwards to them, and `from` and `to` of the answer are what was counted."
    " Visitors and breakdowns are of whole days. Bots are counted apart, a scan of the QR code is"
    " among the visits. A value of `utm_…` with more than 64 characters counts as `other`."
)
_BEGIN_ANEW = (
    "The old numbers are gone, also from those of all links together, whose visitors are worked out"
    " anew within two minutes. It takes two seconds, in which visits that were answered before are"
    " written by every worker and deleted too; they come back only from a worker that could not"
    " write meanwhile, or where more than two links a worker begin anew at once. A visit that is"
    " answered after the 204 counts."
)

STATISTICS_PARAMETERS: dict[str, dict[str, Any]] = {
    "from": {
        "name": "from",
        "in": "query",
        "description": (
            "A date, or a moment of RFC 3339, which is rounded down to a quarter of an hour"
        ),
        "schema": {"type": "string"},
        "example": "2026-11-01",
    },
    "to": {
        "name": "to",
        "in": "query",
        "description": (
            "A date, which is included, or a moment of RFC 3339, which is not; it is rounded up to"
            " a quarter of an hour"
        ),
        "schema": {"type": "string"},
        "example": "2026-11-30",
    },
    "interval": {
        "name": "interval",
        "in": "query",
        "description": "How long a step of the series is; 2,000 steps at most",
        "schema": {"type": "string", "enum": ["hour", "day", "week", "month"], "default": "day"},
    },
    "tz": {
        "name": "tz",
        "in": "query",
        "description": "A time zone of the IANA database",
        "schema": {"type": "string", "default": "UTC"},
        "example": "America/Sao_Paulo",
    },
    "tag": {
        "name": "tag",
        "in": "query",
        "description": "Only links that have this tag now, in any case",
        "schema": {"type": "string"},
    },
}


def statistics() -> tuple[Operation, ...]:
    """Return the operations on visits of the caller's links."""
    of_link = (*_OWN, errors.UrlNotFound)
    return (
        Operation(
            "get", _AT, "getLinkStatistics", "Statistics", "Tell how a link is visited", _TEXT,
            (_JSON_ANSWER,), of_link,
            limit="RATE_LIMIT", bearer="required", scope=_READ, parameters=("code", *_TIME),
        ),
        Operation(
            "get", _AT + ".csv", "getLinkStatisticsTable", "Statistics",
            "Tell how a link is visited, as a table", _TEXT,
            (_CSV_ANSWER,), of_link,
            limit="RATE_LIMIT", bearer="required", scope=_READ, parameters=("code", *_TIME),
        ),
        Operation(
            "delete", _AT, "deleteLinkStatistics", "Statistics", "Begin anew",
            _BEGIN_ANEW,
            (Answer(204, "The numbers are deleted", media_type=""),),
            (errors.MissingToken, errors.InvalidToken, errors.UrlNotFound,
             errors.DatabaseUnavailable),
            limit="RATE_LIMIT", bearer="required", scope=Scope.LINKS_WRITE, parameters=("code",),
        ),
        Operation(
            "get", "/api/statistics", "getStatistics", "Statistics",
            "Tell how all of one's links are visited", _TEXT, (_JSON_ANSWER,), _OWN,
            limit="RATE_LIMIT", bearer="required", scope=_READ, parameters=(*_TIME, "tag"),
        ),
        Operation(
            "get", "/api/statistics.csv", "getStatisticsTable", "Statistics",
            "Tell how all of one's links are visited, as a table", _TEXT, (_CSV_ANSWER,), _OWN,
            limit="RATE_LIMIT", bearer="required", scope=_READ, parameters=(*_TIME, "tag"),
        ),
    )  # fmt: skip
