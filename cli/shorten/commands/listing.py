"""List links and tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shorten.calls import Call
from shorten.harmless import harmless
from shorten.output import plural
from shorten.sections import Sections
from shorten.service import Service, expect
from shorten.session import Session, json_option, pass_session
from shorten.suggestions import suggest_tags
from shorten.tables import moment, plain_table, state
from shorten.values import STATES

_PAGE = 100
_SORTS = ("created_at", "visits", "last_visit_at", "code")
_COLUMNS = ("code", "url", "visits", "state", "title", "tags", "created_at")
_NARROW, _LONGEST_CODE = 24, 64


@click.command("list", short_help="List your links.")
@click.argument("search", required=False)
@click.option("-t", "--tag", metavar="TAG", shell_complete=suggest_tags, help="Only with this tag.")
@click.option("-s", "--state", "wanted", type=click.Choice(STATES), help="Only in this state.")
@click.option(
    "--sort",
    type=click.Choice([sign + name for name in _SORTS for sign in ("", "-")]),
    metavar="FIELD",
    default="-created_at",
    show_default=True,
    help=f"{', '.join(_SORTS)}; with - the largest or newest first.",
)
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@json_option
@pass_session
def list_links(
    session: Session,
    search: str | None,
    tag: str | None,
    wanted: str | None,
    sort: str,
    limit: int | None,
) -> None:
    """List your links, those with SEARCH in code, title, target or a tag.

    In a terminal page by page; pages are fetched as you read. In a pipe one link a line, parted by
    tabs: code, target, visits, state, title, tags, date. With --json one object a line.
    """
    output = session.output
    query = {"search": search, "tag": tag, "state": wanted, "sort": sort}
    pages = _pages(session.own_service, query, limit)
    if output.as_json:
        for page in pages:
            for link in page:
                output.json_line(link)
    elif output.is_terminal:
        _show(session, pages)
    else:
        for page in pages:
            for link in page:
                output.row(_row(link))


@click.group(cls=Sections, invoke_without_command=True, short_help="List or rename tags.")
@json_option
@click.pass_context
def tags(context: click.Context) -> None:
    """List your tags with their number of links, or rename one."""
    if context.invoked_subcommand is None:
        context.invoke(list_tags)


@click.command("list")
@json_option
@pass_session
def list_tags(session: Session) -> None:
    """List your tags with their number of links."""
    output = session.output
    found = expect(session.own_service.get("/api/tags"), "tags")
    if output.as_json:
        for tag in found:
            output.json_line(tag)
    elif output.is_terminal:
        table = plain_table("tag", "links")
        for tag in found:
            table.add_row(harmless(tag["name"]), f"{tag['links']:,}")
        output.show(table) if found else output.say("No link of yours has a tag.")
    else:
        for tag in found:
            output.row([tag["name"], tag["links"]])


@click.command()
@click.argument("old", shell_complete=suggest_tags)
@click.argument("new")
@json_option
@pass_session
def rename(session: Session, old: str, new: str) -> None:
    """Give the tag OLD the name NEW, on all links that have it."""
    # Paths lose `.` and `..` (RFC 3986, section 5.2.4), and tags the spaces around them.
    name = quote(f"{old} " if old in {".", ".."} else old, safe="")
    call = Call("PATCH", f"/api/tags/{name}", json={"name": new})
    tag = session.own_service.call(call).body
    if session.output.as_json:
        session.output.json(tag)
    else:
        session.output.say(f"{tag['name']}: {plural(tag['links'], 'link')}")


tags.add_section("Commands", list_tags, rename)


def _pages(
    service: Service, query: Mapping[str, str | None], limit: int | None
) -> Iterator[list[Any]]:
    """Yield pages, each fetched when it is wanted; one may be empty and yet have a next."""
    cursor: str | None = None
    left = limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        body = service.get("/api/links", {**query, "cursor": cursor, "limit": str(size)})
        links = expect(body, "links")
        yield links
        left = None if left is None else left - len(links)
        cursor = body.get("cursor")
        if cursor is None:
            return


def _row(link: Mapping[str, Any]) -> list[object]:
    row = [link[name] for name in _COLUMNS]
    row[_COLUMNS.index("tags")] = ",".join(link["tags"])
    return row


def _show(session: Session, pages: Iterator[list[Any]]) -> None:
    # The first page is there before the pager takes the terminal: an error stays readable.
    first = next(pages, [])
    number = 0
    width = max((len(link["code"]) for link in first), default=0)
    width = min(max(width, 6), _NARROW)
    with session.output.pager() as console:
        for page in _again(first, pages):
            if page:
                console.print(_table(console, page, width, header=number == 0))
            number += len(page)
    if number == 0:
        session.output.say("There is no such link.")


def _again(first: list[Any], rest: Iterator[list[Any]]) -> Iterator[list[Any]]:
    yield first
    yield from rest


def _table(console: Console, links: list[Any], width: int, *, header: bool) -> Table:
    """Return a page; columns are as wide on each, and text that is too long ends in an ellipsis."""
    table = Table(box=None, pad_edge=False, show_header=header, header_style="bold")
    rest = max(console.width - width - 6 - 9 - 10 - 4 * 2, 24)
    table.add_column("code", width=width, overflow="fold")
    table.add_column("visits", width=6, justify="right", no_wrap=True)
    table.add_column("state", width=9, no_wrap=True)
    table.add_column("made", width=10, no_wrap=True)
    table.add_column("title, target and tags", width=rest, no_wrap=True, overflow="ellipsis")
    for link in links:
        what = Text(harmless(link["title"] or ""), "bold")
        if link["title"]:
            what.append("  ")
        what.append(harmless(link["url"]), "dim" if link["title"] else "")
        tags = "".join(f"  #{harmless(tag)}" for tag in link["tags"])
        if tags:
            what.truncate(max(rest - min(len(tags), rest // 3), 8), overflow="ellipsis")
            what.append(tags, "cyan")
        row = (f"{link['visits']:,}", state(link), moment(link["created_at"])[:10])
        table.add_row(Text(harmless(link["code"]), "bold"), *row, what)
    return table
