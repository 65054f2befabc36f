"""What a shell may complete: codes and tags of the caller, asked for quickly and quietly."""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import CompletionItem

from shorten.calls import Call
from shorten.configuration import load, usual_path
from shorten.errors import Failure
from shorten.harmless import harmless
from shorten.service import Service

_PATIENCE_S = 1.5
_MOST = 50


def suggest_codes(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the caller's codes that begin so, with where they lead."""
    del parameter
    query = {"limit": str(_MOST)} | ({"search": incomplete} if incomplete else {})
    return [
        CompletionItem(link["code"], help=_told(link))
        for link in _ask(context, "/api/links", query, "links")
        if link["code"].startswith(incomplete)
    ]


def suggest_tags(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the caller's tags that begin so."""
    del parameter
    names = [tag["name"] for tag in _ask(context, "/api/tags", {}, "tags")]
    return [
        CompletionItem(name)
        for name in names
        if name.casefold().startswith(incomplete.casefold()) and harmless(name) == name
    ][:_MOST]


def _told(link: dict[str, Any]) -> str:
    # Fish reads up to the first comma.
    return harmless(link.get("title") or link["url"]).replace(",", " ")[:60]


def _ask(
    context: click.Context, path: str, query: dict[str, str], name: str
) -> list[dict[str, Any]]:
    """Return a list of the service's; nothing if it cannot be had at once."""
    try:
        typed = context.find_root().params
        path_of_file = typed.get("config") or usual_path(os.environ)
        found = load(os.environ, path_of_file, typed.get("url"))
        if found.url is None or found.credentials is None:
            return []
        service = Service(found.url, found.credentials)
        answer = service.once(Call("GET", path, query, seconds=_PATIENCE_S))
        return list(answer.body[name]) if answer.status == 200 else []
    except (Failure, OSError, KeyError, TypeError):
        return []
