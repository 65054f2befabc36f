"""`/api/links/<code>/statistics` and `/api/statistics`: what one's own links are visited."""

from __future__ import annotations

from flask import Blueprint, Request, Response, request

from app.model.callers import Scope
from app.routes.admission import Admission
from app.routes.answers import empty_answer, json_answer
from app.routes.schemas_statistics import (
    StatisticsAnswer,
    StepAnswer,
    TotalsAnswer,
    ValueAnswer,
)
from app.routes.tables import csv_answer
from app.visits.statistics import Question, Statistician, Statistics

BREAKDOWNS = (
    "referrers",
    "browsers",
    "systems",
    "devices",
    "countries",
    "languages",
    "utm_sources",
    "utm_mediums",
    "utm_campaigns",
)
"""In the order of `Dimension`."""


def statistics_blueprint(statistician: Statistician, admission: Admission) -> Blueprint:
    """Return the routes."""
    blueprint = Blueprint("statistics", __name__, url_prefix="/api")

    def of_link(code: str) -> Statistics:
        caller = admission.owner(request, Scope.STATISTICS_READ)
        return statistician.of_link(code, caller.user, _question(request), caller.tag)

    def of_all() -> Statistics:
        caller = admission.owner(request, Scope.STATISTICS_READ)
        tag = request.args.get("tag")
        return statistician.of_all(caller.user, tag, _question(request), caller.tag)

    @blueprint.get("/links/<code>/statistics")
    def link(code: str) -> Response:
        return json_answer(_answer(of_link(code)))

    @blueprint.get("/links/<code>/statistics.csv")
    def link_table(code: str) -> Response:
        return csv_answer(_table(of_link(code)), f"{code}-statistics.csv")

    @blueprint.delete("/links/<code>/statistics")
    def forget(code: str) -> Response:
        caller = admission.owner(request, Scope.LINKS_WRITE)
        statistician.forget(code, caller.user, caller.tag)
        return empty_answer()

    @blueprint.get("/statistics")
    def all_links() -> Response:
        return json_answer(_answer(of_all()))

    @blueprint.get("/statistics.csv")
    def all_links_table() -> Response:
        return csv_answer(_table(of_all()), "statistics.csv")

    return blueprint


def _question(request: Request) -> Question:
    get = request.args.get
    return Question(get("from"), get("to"), get("interval"), get("tz"))


def _answer(found: Statistics) -> StatisticsAnswer:
    span, totals = found.span, found.totals
    return StatisticsAnswer(
        begin=span.begin.astimezone(span.zone),
        end=span.end.astimezone(span.zone),
        interval=span.interval,  # type: ignore[arg-type]  # checked where it was read
        tz=span.zone.key,
        totals=TotalsAnswer(totals.visits, found.visitors, totals.bots, totals.scans),
        series=[
            StepAnswer(step.at, step.tally.visits, step.visitors, step.tally.bots, step.tally.scans)
            for step in found.series
        ],
        breakdowns={
            name: [ValueAnswer(value, visits) for value, visits in values]
            for name, values in zip(BREAKDOWNS, found.breakdowns.values(), strict=True)
        },
    )


def _table(found: Statistics) -> list[list[object]]:
    """Return the same as rows: what of, its name, and the numbers."""
    totals = found.totals
    rows: list[list[object]] = [
        ["kind", "name", "visits", "visitors", "bots", "scans"],
        ["total", "", totals.visits, found.visitors, totals.bots, totals.scans],
    ]
    for step in found.series:
        tally, name = step.tally, step.at.isoformat()
        visitors = "" if step.visitors is None else step.visitors
        rows.append([found.span.interval, name, tally.visits, visitors, tally.bots, tally.scans])
    for name, values in zip(BREAKDOWNS, found.breakdowns.values(), strict=True):
        rows += [[name, value, visits, "", "", ""] for value, visits in values]
    return rows
