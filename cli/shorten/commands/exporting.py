"""Take all links out, into a file or a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from shorten.downloads import Download, account_mark, open_part, part_path
from shorten.errors import Interrupted, Unreachable
from shorten.harmless import harmless
from shorten.output import plural
from shorten.progress import bar
from shorten.records import Records
from shorten.session import Session, json_option, pass_session, yes_option

_KINDS = ("jsonl", "csv")
_AGAIN = "shorten export"


@click.command(short_help="Take all links out.")
@click.argument(
    "file", required=False, type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option(
    "-f",
    "--format",
    "kind",
    type=click.Choice(_KINDS),
    help="Read from the name of the file if not given; else jsonl.",
)
@click.option("--anew", is_flag=True, help="Do not go on with an export that was stopped.")
@yes_option
@json_option
@pass_session
def export(session: Session, file: Path | None, kind: str | None, anew: bool, yes: bool) -> None:
    """Write all your links, with their counts, to FILE or to stdout.

    FILE is there when it is whole; until then the part of it that has come lies beside it, and the
    same command within a day goes on with it, whatever ended the last one.
    """
    kind = kind or _kind(file)
    if file is None or str(file) == "-":
        _to_stdout(session, kind)
        return
    service = session.own_service
    if file.exists():
        session.confirm(f"Replace {file}?", is_sure=yes)
    records = Records(kind)
    path = part_path(file, service, kind, account_mark(service))
    try:
        with open_part(path, records, anew=anew) as part:
            if records.count:
                session.output.say(f"Going on behind {plural(records.count, 'link')}.")
            with bar(session.output, "Exporting") as shown:
                shown.begin_at(records.count, records.count)
                Download(service, records, part.write, shown).finish()
            os.fsync(part.fileno())
            path.replace(file)
    except Unreachable as failure:
        raise Unreachable(failure.message, hint=f"the same goes on: {_AGAIN} {file}") from None
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped behind {plural(records.count, 'link')}",
            hint=f"the same goes on: {_AGAIN} {file}",
        ) from None
    if session.output.as_json:
        session.output.json({"file": str(file), "format": kind, "links": records.count})
    else:
        session.output.say(f"Done: {plural(records.count, 'link')} in {file}.")


def _to_stdout(session: Session, kind: str) -> None:
    records = Records(kind)
    write: Callable[[bytes], object] = sys.stdout.buffer.write
    if session.output.console.is_terminal:
        write = _show
    # A bar and links in one terminal would write over each other.
    session.output.is_quiet |= session.output.console.is_terminal
    with bar(session.output, "Exporting") as shown:
        Download(session.own_service, records, write, shown).finish()
    sys.stdout.buffer.flush()


def _show(block: bytes) -> None:
    for line in block.decode(errors="replace").split("\n")[:-1]:
        sys.stdout.write(harmless(line.rstrip("\r")) + "\n")


def _kind(file: Path | None) -> str:
    return "csv" if file is not None and file.suffix.lower() == ".csv" else "jsonl"
