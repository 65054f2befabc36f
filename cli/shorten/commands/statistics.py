"""Who follows links: a chart and the most frequent of each kind."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.columns import Columns as SideBySide
from rich.table import Table
from rich.text import Text

from shorten import chart
from shorten.calls import Call
from shorten.commands.links import link_path
from shorten.harmless import harmless
from shorten.output import Output
from shorten.service import expect
from shorten.session import Session, json_option, pass_session, yes_option
from shorten.suggestions import suggest_codes, suggest_tags
from shorten.values import CodeType

_INTERVALS = ("hour", "day", "week", "month")
_FORMATS = {"hour": "%d %b %H:%M", "day": "%d %b", "week": "%d %b", "month": "%b %Y"}
_TITLES = {
    "referrers": "From",
    "browsers": "Browser",
    "systems": "System",
    "devices": "Device",
    "countries": "Country",
    "languages": "Language",
    "utm_sources": "utm_source",
    "utm_mediums": "utm_medium",
    "utm_campaigns": "utm_campaign",
}
_BAR = 12
_NAME = 18
_WIDEST_CHART = 120


@click.command(short_help="Show how often links are followed.")
@click.argument("code", required=False, type=CodeType(), shell_complete=suggest_codes)
@click.option("-t", "--tag", metavar="TAG", shell_complete=suggest_tags, help="Links of a tag.")
@click.option("--from", "begin", metavar="DATE", help="The first day; 30 days ago if not given.")
@click.option("--to", "end", metavar="DATE", help="The last day.")
@click.option("-i", "--interval", type=click.Choice(_INTERVALS), default="day", show_default=True)
@click.option("--tz", metavar="ZONE", help="Whose days, such as America/Sao_Paulo. [default: here]")
@click.option(
    "--top",
    type=click.IntRange(0, 21),
    metavar="N",
    default=5,
    show_default=True,
    help="Of each kind.",
)
@click.option("--csv", "wants_csv", is_flag=True, help="Print the service's table.")
@json_option
@pass_session
def stats(
    session: Session,
    code: str | None,
    tag: str | None,
    begin: str | None,
    end: str | None,
    interval: str,
    tz: str | None,
    top: int,
    wants_csv: bool,
) -> None:
    """Show how often a link is followed, or all of yours together, or those with a tag.

    Bots are counted apart. In a pipe: kind, name, visits, visitors, bots, scans, parted by tabs.

    \b
    shorten stats hello
    shorten stats --tag campaign --from 2026-11-01 --interval week
    """
    if code and tag:
        raise click.UsageError("take a link or a tag, not both")
    path = link_path(code, "/statistics") if code else "/api/statistics"
    query = {"tag": tag, "from": begin, "to": end, "interval": interval}
    query["tz"] = tz or local_zone(session.environment)
    output = session.output
    if wants_csv:
        given = {name: value for name, value in query.items() if value is not None}
        content = (
            session.own_service.call(Call("GET", f"{path}.csv", given, wants_json=False)).body
            or b""
        )
        output.line(content.decode(errors="replace").rstrip("\r\n").replace("\r\n", "\n"))
        return
    found = session.own_service.get(path, query)
    if output.as_json:
        output.json(found)
    elif output.is_terminal:
        _show(output, code or (f"#{tag}" if tag else "all of your links"), found, top)
    else:
        for row in _rows(found):
            output.row(row)


@click.command(short_help="Begin a link's statistics anew.")
@click.argument("code", type=CodeType(), shell_complete=suggest_codes)
@yes_option
@json_option
@pass_session
def reset_stats(session: Session, code: str, yes: bool) -> None:
    """Delete the statistics of a link. They cannot be had back."""
    session.confirm(f"Delete the statistics of {code} for good?", is_sure=yes)
    session.own_service.call(Call("DELETE", link_path(code, "/statistics")))
    if session.output.as_json:
        session.output.json({"code": code, "statistics": "deleted"})
    else:
        session.output.say(f"{code}: its statistics begin anew")


def local_zone(environment: Mapping[str, str], link: Path = Path("/etc/localtime")) -> str:
    """Return the IANA name of the time zone here, UTC where it cannot be known."""
    named = environment.get("TZ", "").lstrip(":")
    if "/" in named and not named.startswith("/"):
        return named
    _, found, name = os.path.realpath(link).partition("/zoneinfo/")
    return name if found and "/" in name else "UTC"


def _rows(found: Mapping[str, Any]) -> list[list[object]]:
    totals = expect(found, "totals")
    names = ("visits", "visitors", "bots", "scans")
    rows: list[list[object]] = [["total", "", *(totals[name] for name in names)]]
    for step in found["series"]:
        rows += [[found["interval"], step["at"], *(step[name] for name in names)]]
    for kind, values in found["breakdowns"].items():
        rows += [[kind, value["value"], value["visits"], "", "", ""] for value in values]
    return rows


def _show(output: Output, what: str, found: Mapping[str, Any], top: int) -> None:
    totals = expect(found, "totals")
    series = found["series"]
    visits = [step["visits"] for step in series]
    bots = [step["bots"] for step in series]
    head = Text(harmless(what), "bold")
    head.append(f"  by {found['interval']}, {harmless(found['tz'])}", "dim")
    numbers = Text.assemble(
        (f"{totals['visits']:,}", "bold green"),
        f" visits   {totals['visitors']:,} visitors   {totals['scans']:,} scans   ",
        (f"{totals['bots']:,} bots", "yellow"),
    )
    output.show(head, numbers, Text())
    margin = max(len(f"{max(visits, default=0):,}"), 4)
    room = min(output.console.width, _WIDEST_CHART) - margin - 3
    layout = chart.columns(len(series), room)
    merged = chart.merge(visits, layout)
    for line in chart.chart(merged, layout, style="green", has_blocks=output.has_blocks):
        output.show(Text(" " * max(margin - len(f"{max(merged, default=0):,}"), 0)) + line)
    output.show(_axis(series, found["interval"], layout, margin + 2))
    if any(bots):
        shape = chart.spark(
            chart.merge(bots, layout), layout, style="yellow", has_blocks=output.has_blocks
        )
        output.show(Text("bots".rjust(margin) + "  ", "dim") + shape)
    if layout.merged > 1:
        output.show(Text(f"each column: {layout.merged} {found['interval']}s", "dim"))
    _show_breakdowns(output, found["breakdowns"], top)


def _axis(
    series: Sequence[Mapping[str, Any]], interval: str, layout: chart.Columns, margin: int
) -> Text:
    """Return the dates below the first, a middle and the last column."""
    width = layout.count * layout.width
    line = [" "] * (width + margin)
    taken = -1
    for at in (0, len(series) // 2, len(series) - 1):
        if not 0 <= at < len(series):
            continue
        label = f"{datetime.fromisoformat(series[at]['at']):{_FORMATS[interval]}}"
        place = margin + at // layout.merged * layout.width
        place = max(min(place, len(line) - len(label)), margin)
        if place > taken and place + len(label) <= len(line):
            line[place : place + len(label)] = label
            taken = place + len(label) + 1
    return Text("".join(line).rstrip(), "dim")


def _show_breakdowns(
    output: Output, breakdowns: Mapping[str, Sequence[Mapping[str, Any]]], top: int
) -> None:
    tables = [
        _breakdown(output, _TITLES.get(kind, harmless(kind)), values, top)
        for kind, values in breakdowns.items()
        if values and top
    ]
    if tables:
        output.show(Text(), SideBySide(tables, padding=(0, 4), equal=True))


def _breakdown(output: Output, title: str, values: Sequence[Mapping[str, Any]], top: int) -> Table:
    total = sum(value["visits"] for value in values)
    shown = [(harmless(value["value"]) or "-", value["visits"]) for value in values[:top]]
    rest = sum(value["visits"] for value in values[top:])
    table = Table(box=None, pad_edge=False, show_header=False, title=title, title_justify="left")
    table.title_style = "bold"
    table.add_column(width=_NAME, no_wrap=True, overflow="ellipsis")
    table.add_column(width=_BAR, style="green", no_wrap=True)
    table.add_column(justify="right", width=7, no_wrap=True)
    for name, visits in [*shown, *([("others", rest)] if rest else [])]:
        part = visits / total if total else 0.0
        filled = chart.bar(part, _BAR, has_blocks=output.has_blocks)
        table.add_row(Text(name), filled, f"{visits:,}")
    table.add_row("")
    return table
