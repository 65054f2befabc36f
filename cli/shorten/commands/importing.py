"""Bring links in, from our own files and those of other shorteners."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import click

from shorten.calls import Call
from shorten.errors import Failure, Interrupted, PartlyDone, Unreachable
from shorten.harmless import harmless
from shorten.output import plural
from shorten.progress import bar
from shorten.sections import Sections
from shorten.service import Service, expect
from shorten.session import Session, json_option, pass_session, yes_option
from shorten.tables import moment, plain_table
from shorten.uploads import Upload, digest_of, import_path, open_import

FORMATS = ("auto", "jsonl", "csv", "bitly", "dub", "kutt", "shlink", "yourls")
_PAGE = 100
_SHOWN = 50
_PIECE = 1024 * 1024


@click.command("import", short_help="Bring links in from a file.")
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option(
    "-f",
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default="auto",
    show_default=True,
    help="Whose file it is; auto looks into it.",
)
@json_option
@pass_session
def import_links(session: Session, file: Path, kind: str) -> None:
    """Bring links in from FILE (- is stdin): ours, or bitly's, dub's, kutt's, shlink's, YOURLS'.

    What cannot be taken is listed with its line and the reason, the rest is imported; the exit
    status is then 7. Whatever ended it, the same command goes on. Twice makes nothing double.
    """
    service = session.own_service
    with ExitStack() as stack:
        source = _opened(file, stack)
        digest, size = digest_of(source)
        if size == 0:
            raise Failure(f"{file} is empty")
        name = "stdin" if str(file) == "-" else file.name
        state, is_known = open_import(service, kind=kind, size=size, name=name, digest=digest)
        if is_known:
            part = int(state["offset"]) * 100 // size
            session.output.say(
                f"Going on with the import of {moment(state['created_at'])}, at {part} %."
            )
        state = _upload(session, service, source, state, f"shorten import {file}")
    _report(session, service, state)


@click.group(
    cls=Sections, invoke_without_command=True, short_help="List imports; what they refused."
)
@json_option
@click.pass_context
def imports(context: click.Context) -> None:
    """List the last imports, what they refused, or give one up."""
    if context.invoked_subcommand is None:
        context.invoke(list_imports)


@click.command("list")
@json_option
@pass_session
def list_imports(session: Session) -> None:
    """List the last imports."""
    output = session.output
    found = expect(session.own_service.get("/api/imports"), "imports")
    if output.as_json:
        for one in found:
            output.json_line(one)
        return
    rows = [
        (
            one["id"],
            one["name"] or "",
            one["format"],
            one["state"],
            f"{one['offset'] * 100 // one['size']} %" if one["size"] else "",
            one["links"],
            one["unchanged"],
            one["refused"],
            moment(one["created_at"]),
        )
        for one in found
    ]
    if not output.is_terminal:
        for row in rows:
            output.row(row)
        return
    table = plain_table("id", "file", "format", "state", "done", "new", "known", "refused", "begun")
    for row in rows:
        table.add_row(*(harmless(cell) for cell in row))
    output.show(table) if rows else output.say("Nothing was imported yet.")


@click.command()
@click.argument("identity", metavar="ID")
@json_option
@pass_session
def refusals(session: Session, identity: str) -> None:
    """List what an import refused: line, code, reason."""
    _list_refusals(session, session.own_service, identity, None)


@click.command("give-up")
@click.argument("identity", metavar="ID")
@yes_option
@json_option
@pass_session
def give_up(session: Session, identity: str, yes: bool) -> None:
    """End an import that is not done; what was imported stays."""
    session.confirm("Give it up? What was imported stays.", is_sure=yes)
    session.own_service.call(Call("DELETE", import_path(identity)))
    if session.output.as_json:
        session.output.json({"id": identity, "state": "given up"})
    else:
        session.output.say("Given up.")


imports.add_section("Commands", list_imports, refusals, give_up)


def _opened(file: Path, stack: ExitStack) -> BinaryIO:
    """Return the file, or what comes on stdin once all of it is on disk: it is read twice."""
    if str(file) != "-":
        source: BinaryIO = stack.enter_context(file.open("rb"))
        return source
    kept: BinaryIO = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    while piece := sys.stdin.buffer.read(_PIECE):
        kept.write(piece)
    kept.flush()
    return kept


def _upload(
    session: Session, service: Service, source: BinaryIO, state: Mapping[str, Any], again: str
) -> Mapping[str, Any]:
    latest = dict(state)
    try:
        with bar(session.output, "Importing", int(state["size"])) as shown:
            shown.begin_at(int(state["offset"]), _records(state))

            def show(now: Mapping[str, Any]) -> None:
                latest.update(now)
                shown.show(int(now["offset"]), _records(now))

            return Upload(service, source, show).finish(state)
    except Unreachable as failure:
        raise Unreachable(failure.message, hint=f"the same goes on: {again}") from None
    except KeyboardInterrupt:
        done = int(latest["offset"]) * 100 // int(latest["size"])
        raise Interrupted(
            f"stopped at {done} %; what was imported stays", hint=f"the same goes on: {again}"
        ) from None


def _records(state: Mapping[str, Any]) -> int:
    return int(state["links"] + state["unchanged"] + state["refused"])


def _report(session: Session, service: Service, state: Mapping[str, Any]) -> None:
    output = session.output
    refused = int(state["refused"])
    if refused:
        _list_refusals(session, service, state["id"], _SHOWN if output.is_terminal else None)
    if output.as_json:
        output.json_line(state)
    new, known = int(state["links"]), int(state["unchanged"])
    summary = f"{plural(new, 'new link')}, {known:,} known already, {refused:,} refused"
    if refused:
        left = refused > _SHOWN and output.is_terminal
        hint = f"all of them: shorten imports refusals {state['id']}" if left else None
        raise PartlyDone(f"{summary}; the lines above were not imported", hint=hint)
    if not output.as_json:
        output.say(f"Done: {summary}.")


def _list_refusals(session: Session, service: Service, identity: str, most: int | None) -> None:
    output = session.output
    for number, refusal in enumerate(_refusals(service, identity)):
        if number == most:
            return
        if output.as_json:
            output.json_line(refusal)
        elif output.is_terminal:
            code = f" ({harmless(refusal['code'])})" if refusal["code"] else ""
            output.line(f"line {refusal['line']}{code}: {harmless(refusal['reason'])}")
        else:
            output.row([refusal["line"], refusal["code"], refusal["reason"]])


def _refusals(service: Service, identity: str) -> Iterator[Mapping[str, Any]]:
    after: object = None
    while True:
        query = {"limit": str(_PAGE), "after": None if after is None else str(after)}
        body = service.get(import_path(identity, "/refusals"), query)
        yield from expect(body, "refusals")
        after = body.get("next_after")
        if after is None:
            return
