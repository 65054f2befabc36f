"""The options by which a link's fields are given, the same for making and for editing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from shorten.suggestions import suggest_tags
from shorten.values import Clearable, MomentType, RuleType

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_MOMENT = Clearable(MomentType())
_FORWARD = {"yes": True, "no": False}

_OPTIONS = (
    click.option("--title", type=Clearable(click.STRING), help="For people."),
    click.option(
        "-t",
        "--tag",
        "tags",
        multiple=True,
        metavar="TAG",
        shell_complete=suggest_tags,
        help="Again and again for several.",
    ),
    click.option("--starts-at", type=_MOMENT, help="2026-12-31, '2026-12-31 18:00' or +3d."),
    click.option("--expires-at", type=_MOMENT, help="Likewise."),
    click.option(
        "--max-visits", type=Clearable(click.IntRange(min=1)), metavar="N", help="Then it ends."
    ),
    click.option(
        "--redirect-status",
        type=Clearable(click.Choice(["301", "302", "307", "308"])),
        help="Instead of the service's own.",
    ),
    click.option(
        "--forward-query",
        type=Clearable(click.Choice(["yes", "no"])),
        help="Whether a visitor's query goes along.",
    ),
    click.option(
        "--rule",
        "rules",
        multiple=True,
        type=Clearable(RuleType()),
        help="'device=ios https://…', likewise language, country, query.NAME; the first that "
        "matches decides.",
    ),
)


def field_options(command: Decorated) -> Decorated:
    """Give a command all of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def patch_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given as the service takes it; null for what is to be cleared."""
    patch = {
        name: given[name][0]
        for name in ("title", "starts_at", "expires_at", "max_visits")
        if given.get(name) is not None
    }
    if given.get("redirect_status") is not None:
        (status,) = given["redirect_status"]
        patch["redirect_status"] = None if status is None else int(status)
    if given.get("forward_query") is not None:
        patch["forward_query"] = _FORWARD.get(given["forward_query"][0] or "")
    if given.get("tags"):
        patch["tags"] = [tag for tag in given["tags"] if tag.strip()] or None
    if given.get("rules"):
        patch["rules"] = [rule for (rule,) in given["rules"] if rule is not None] or None
    return patch
