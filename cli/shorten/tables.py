"""Links as people like to see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from shorten.harmless import harmless
from shorten.values import rule_text

STATE_STYLES = {
    "active": "green",
    "scheduled": "cyan",
    "expired": "yellow",
    "exhausted": "yellow",
    "disabled": "red",
    "deleted": "red",
    "blocked": "red",
}


def plain_table(*columns: str, header: bool = True) -> Table:
    """Return a table without lines."""
    table = Table(box=None, pad_edge=False, show_header=header, header_style="bold")
    for column in columns:
        right = column in {"visits", "links", "size"}
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def moment(text: str | None) -> str:
    """Return a moment of the service's by the clock here, to the minute; nothing for none."""
    if not text:
        return ""
    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return harmless(text)


def state(link: Mapping[str, Any]) -> Text:
    """Return a link's state in its colour; one that would be active may be blocked."""
    name = link["state"]
    if name == "active" and link.get("blocked"):
        name = "blocked"
    return Text(harmless(name), STATE_STYLES.get(name, ""))


def details(link: Mapping[str, Any]) -> Table:
    """Return a link's fields below each other; what is not set is left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in _fields(link):
        if value or isinstance(value, Text):
            table.add_row(name, value if isinstance(value, Text) else harmless(value))
    return table


def _fields(link: Mapping[str, Any]) -> list[tuple[str, Any]]:
    visits = f"{link['visits']:,}"
    if link["max_visits"]:
        visits += f" of at most {link['max_visits']:,}"
    numbers = f"{visits}; {link['visitors']:,} visitors, {link['bots']:,} bots"
    forward = {True: "goes along", False: "stays behind"}.get(link["forward_query"])
    rules = [("rule", rule_text(rule)) for rule in link["rules"]]
    return [
        ("short", Text(harmless(link["short_url"]), "bold")),
        ("leads to", link["url"]),
        *rules,
        ("title", link["title"]),
        ("tags", ", ".join(link["tags"])),
        ("state", state(link)),
        ("blocked", link.get("blocked") and "leads to a host that is blocked: visitors get 410"),
        ("visits", numbers),
        ("last visit", moment(link["last_visit_at"])),
        ("starts", moment(link["starts_at"])),
        ("expires", moment(link["expires_at"])),
        ("status", link["redirect_status"]),
        ("query", forward),
        ("made", moment(link["created_at"])),
        ("changed", moment(link["changed_at"])),
    ]
