"""The command `shorten`: its parts, and with which status it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from shorten.commands import (
    account,
    completion,
    exporting,
    importing,
    keys,
    links,
    listing,
    pictures,
    states,
    statistics,
)
from shorten.errors import STATUSES, Failure, Interrupted
from shorten.sections import NobodyReads, Sections
from shorten.session import Session, json_option

PROGRAM = "shorten"
_NOBODY_READS = 141  # as a shell tells of SIGPIPE

_ODD_ANSWER = "is it another release than this command's? shorten -v shows where"

_EPILOG = f"""\b
Environment:
  SHORTENER_URL      the shortener to use
  SHORTENER_API_KEY  a key, instead of logging in
  SHORTENER_TOKEN    a token, likewise
  SHORTENER_CONFIG   the configuration file
  NO_COLOR           no colours; PAGER=cat for no pager

\b
Exit statuses:
{chr(10).join(f"  {status:<4} {meaning}" for status, meaning in STATUSES)}
"""


@click.group(
    cls=Sections,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.option("--url", metavar="URL", help="The shortener to use, for this once.")
@click.option("--config", metavar="FILE", type=Path, help="Another configuration file.")
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors, nothing else.")
@click.option("-v", "--verbose", is_flag=True, help="Tell of each request: never of secrets.")
@json_option
@click.version_option(None, "-V", "--version", package_name="fonsecaaso-shorten", prog_name=PROGRAM)
@click.pass_obj
def cli(session: Session, url: str | None, config: Path | None, quiet: bool, verbose: bool) -> None:
    """Make, list and change short links, and see who follows them.

    \b
    shorten login --url https://short.example
    shorten add https://example.com/a/long/address --alias hello
    shorten stats hello
    """
    session.url = url
    session.config = config or session.config
    session.output.is_quiet = quiet
    session.is_verbose = verbose


cli.add_section(
    "Links",
    links.add,
    listing.list_links,
    links.show,
    links.edit,
    states.delete,
    states.enable,
    states.disable,
    listing.tags,
    pictures.qr,
)
cli.add_section("Numbers", statistics.stats, statistics.reset_stats)
cli.add_section("In and out", importing.import_links, importing.imports, exporting.export)
cli.add_section(
    "You", account.login, account.signup, account.logout, account.whoami, account.account, keys.keys
)
cli.add_section("This command", completion.completion)
cli.aliases.update({"make": "add", "create": "add", "ls": "list", "rm": "delete"})


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command and return its exit status."""
    session = Session(environment)
    try:
        status: Any = cli.main(list(arguments), PROGRAM, standalone_mode=False, obj=session)
        sys.stdout.flush()
    except click.ClickException as error:
        return _misused(session, error)
    except (NobodyReads, BrokenPipeError):
        _discard_output()
        return _NOBODY_READS
    except (Failure, click.Abort, KeyboardInterrupt, OSError) as error:
        return _failed(session, _failure(error))
    except (KeyError, TypeError, ValueError, AttributeError):
        if session.is_verbose:
            raise
        return _failed(session, Failure("the service's answer is not understood", hint=_ODD_ANSWER))
    return status if isinstance(status, int) else 0


def _failure(error: BaseException) -> Failure:
    if isinstance(error, Failure):
        return error
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return Failure(f"{place}{error.strerror or 'cannot be used'}")
    return Interrupted("ended; nothing more was done")


def main() -> NoReturn:
    """Run the command on what the shell gave."""
    sys.exit(run(sys.argv[1:], os.environ))


def _failed(session: Session, failure: Failure) -> int:
    try:
        sys.stdout.flush()
        session.output.fail(failure)
    except BrokenPipeError:
        _discard_output()
    return failure.exit_status


def _misused(session: Session, error: click.ClickException) -> int:
    if session.output.as_json:
        failure = Failure(error.format_message(), code="USAGE")
        session.output.fail(failure)
    else:
        error.show()
    return error.exit_code


def _discard_output() -> None:
    """Let the interpreter's last flush go nowhere instead of complaining."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
