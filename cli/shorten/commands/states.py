"""Delete, enable and disable links."""

from __future__ import annotations

from typing import Any

import click

from shorten.calls import Call
from shorten.commands.links import link_path
from shorten.errors import Failure
from shorten.output import plural
from shorten.session import Session, json_option, pass_session, yes_option
from shorten.suggestions import suggest_codes
from shorten.values import CodeType

_codes = click.argument(
    "codes",
    metavar="CODE...",
    nargs=-1,
    required=True,
    type=CodeType(),
    shell_complete=suggest_codes,
)


@click.command(short_help="Delete links.")
@_codes
@yes_option
@json_option
@pass_session
def delete(session: Session, codes: tuple[str, ...], yes: bool) -> None:
    """Delete links: from then on they lead nowhere, and nobody else can have their codes.

    `shorten enable CODE` brings one back.
    """
    what = codes[0] if len(codes) == 1 else plural(len(codes), "link")
    session.confirm(f"Delete {what}?", is_sure=yes)
    _each(session, codes, "DELETE", "", "deleted")


@click.command(short_help="Let links lead again.")
@_codes
@json_option
@pass_session
def enable(session: Session, codes: tuple[str, ...]) -> None:
    """Let links lead again that were disabled or deleted."""
    _each(session, codes, "POST", "/enable", "enabled")


@click.command(short_help="Let links lead nowhere, for a time.")
@_codes
@json_option
@pass_session
def disable(session: Session, codes: tuple[str, ...]) -> None:
    """Let links lead nowhere until they are enabled again."""
    _each(session, codes, "POST", "/disable", "disabled")


def _each(session: Session, codes: tuple[str, ...], method: str, more: str, done: str) -> None:
    """Do it to one after the other; the first that is refused does not stop the others."""
    last: Failure | None = None
    for code in codes:
        try:
            answer: Any = session.own_service.call(Call(method, link_path(code, more))).body
        except Failure as failure:
            if len(codes) == 1 or failure.exit_status in {4, 5}:
                raise
            session.output.say(f"{code}: {failure.message}", "red")
            last = failure
            continue
        if session.output.as_json:
            session.output.json(answer or {"code": code, "state": done})
        else:
            session.output.say(f"{code}: {done}")
    if last is not None:
        raise type(last)(f"not all of them could be {done}", code=last.code, status=last.status)
