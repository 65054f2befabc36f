"""What may be typed for a field, and what the service is sent for it.

An empty value clears a field: `--title ""` sends null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import click

CODE = re.compile(r"[A-Za-z0-9_-]{3,64}")
STATES = ("active", "scheduled", "expired", "exhausted", "disabled", "deleted")

_AHEAD = re.compile(r"\+(\d{1,5})(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class CodeType(click.ParamType[str]):
    """A code, or a short URL as it was copied from somewhere."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code."""
        text = value.strip()
        if "/" in text:
            text = urlsplit(text if "://" in text else f"https://{text}").path.rsplit("/", 1)[-1]
        text = text.partition("?")[0].removesuffix("+")
        if not CODE.fullmatch(text):
            self.fail(f"{value!r} is neither a code nor a short URL.", param, ctx)
        return text


class Clearable(click.ParamType[Any]):
    """A value of another type, or nothing, which clears; given as (value,)."""

    def __init__(self, kind: click.ParamType[Any]) -> None:
        self._kind = kind
        self.name = kind.name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any]:
        """Return what to send, in a tuple: an option that was not given is None."""
        if isinstance(value, tuple):
            return value
        if not value.strip():
            return (None,)
        return (self._kind.convert(value, param, ctx),)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return how the help names the value."""
        return self._kind.get_metavar(param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        """Return what the other type would."""
        return self._kind.shell_complete(ctx, param, incomplete)


class MomentType(click.ParamType[str]):
    """RFC 3339; a day or a time of the clock on the wall here; or +3d for three days from now."""

    name = "moment"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as RFC 3339 with an offset."""
        text = value.strip()
        ahead = _AHEAD.fullmatch(text)
        try:
            if ahead is not None:
                span = timedelta(**{_UNITS[ahead[2]]: int(ahead[1])})
                return _sent(datetime.now(UTC) + span)
            moment = datetime.fromisoformat(text)
            # By the clock here only where no offset is given: the year 9999 ends elsewhere later.
            return _sent(moment if moment.tzinfo else moment.astimezone())
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no moment: take 2026-12-31, '2026-12-31 18:00', +3d (m, h, d, w) "
                "or 2026-12-31T18:00:00Z.",
                param,
                ctx,
            )


class RuleType(click.ParamType[dict[str, Any]]):
    """Conditions and where they lead: `device=ios language=pt https://…`."""

    name = "rule"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Return the rule as the service takes it."""
        if isinstance(value, dict):
            return value
        *conditions, url = value.split() or [""]
        given: dict[str, Any] = {}
        for condition in conditions:
            name, equals, wanted = condition.partition("=")
            if name in {"device", "language", "country"} and wanted:
                given[name] = wanted
            elif name.startswith("query.") and equals:
                given["query"] = {"name": name.removeprefix("query."), "value": wanted}
            else:
                self.fail(_rule_words(condition), param, ctx)
        if not given or "=" in url.partition("/")[0]:
            self.fail(_rule_words(value), param, ctx)
        return {"if": given, "url": url}


def rule_text(rule: Mapping[str, Any]) -> str:
    """Return a rule as it would be typed."""
    parts = []
    for name, wanted in rule["if"].items():
        if name == "query" and wanted:
            parts.append(f"query.{wanted['name']}={wanted['value']}")
        elif wanted:
            parts.append(f"{name}={wanted}")
    return " ".join([*parts, str(rule["url"])])


def _sent(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _rule_words(text: str) -> str:
    return (
        f"{text!r} is no rule: take conditions and then the address, such as "
        "'device=ios language=pt https://example.com/'; conditions are device, language, "
        "country and query.NAME."
    )
