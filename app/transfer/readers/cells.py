"""What stands in one place of a row or an object of somebody else's."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from app.fields import LONGEST_TITLE
from app.nesting import is_too_deep
from app.transfer.moments import rfc3339

Row = Mapping[str, Any]
"""By names in lower case, without anything but letters and digits."""

_OTHER = re.compile(r"[^a-z0-9]")
_BETWEEN_TAGS = re.compile(r"[|,;]")
_SPACES = re.compile(r"\s+")


class Unreadable(Exception):
    """A record makes no sense; the text says why."""


def plain_name(name: str) -> str:
    """Return a column's or a member's name as rows have it."""
    return _OTHER.sub("", name.lower())


def text(row: Row, *names: str) -> str | None:
    """Return the first of these that is there and not empty."""
    for name in names:
        value = row.get(name)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            found = str(value).strip()
            if found:
                return found
    return None


def needed(row: Row, *names: str) -> str:
    """Return the first of these that is there; raise Unreadable without any."""
    found = text(row, *names)
    if found is None:
        raise Unreadable(f"there is no {names[0]}")
    return found


def title(row: Row, *names: str) -> str | None:
    """Return a title on one line, cut to the length that ours may have."""
    found = text(row, *names)
    return None if found is None else _SPACES.sub(" ", found)[:LONGEST_TITLE].strip()


def count(row: Row, *names: str) -> int | None:
    """Return a number; a spreadsheet may have put separators into it."""
    found = text(row, *names)
    if found is None:
        return None
    digits = found.replace(",", "").replace(" ", "").removesuffix(".0")
    if not (digits.isascii() and digits.isdigit()):
        raise Unreadable(f"{names[0]} is no number: {found[:40]}")
    return int(digits)


def moment(row: Row, *names: str) -> str | None:
    """Return a moment as RFC 3339 has it."""
    found = text(row, *names)
    return None if found is None else rfc3339(found)


def creation(row: Row, *names: str) -> str | UnsetType:
    """Return when a link was made, so that one that does not say it is made now."""
    return moment(row, *names) or UNSET


def flag(row: Row, *names: str) -> bool:
    """Tell whether something is said to be so."""
    return any(row.get(name) is True or text(row, name) in _TRUE for name in names)


_TRUE = frozenset({"true", "True", "TRUE", "1", "yes"})


def tags(row: Row, *names: str) -> list[str] | None:
    """Return tags: of a list of names or of objects with a name, or of a cell with separators."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value.startswith("["):
            with contextlib.suppress(Unreadable):
                value = decoded(value, name)
        if isinstance(value, str):
            value = _BETWEEN_TAGS.split(value)
        if isinstance(value, list):
            found = [_tag(each) for each in value]
            return [each for each in found if each]
    return None


def code_of(short_url: str) -> str:
    """Return the code of a short URL: all of its path, which must be one segment."""
    url = short_url if "://" in short_url else f"https://{short_url}"
    try:
        path = urlsplit(url).path
    except ValueError:
        raise Unreadable(f"the short URL cannot be read: {short_url[:80]}") from None
    code = unquote(path).strip("/")
    if not code:
        raise Unreadable(f"the short URL has no code: {short_url[:80]}")
    return code


def refuse_password(row: Row) -> None:
    """Raise Unreadable for a link that asks for a password: it would be open to everybody."""
    value = row.get("password")
    if value not in (None, False, "", "false", "False", "FALSE", "0"):
        raise Unreadable("the link asks for a password, which links here cannot")


def refuse(row: Row, name: str, reason: str) -> None:
    """Raise Unreadable where a link has what links here cannot have: others would lead elsewhere.

    Null, false, and texts, lists and objects with nothing in them are as good as absent.
    """
    value = row.get(name)
    if value and str(value).strip().lower() not in _NOTHING:
        raise Unreadable(reason)


_NOTHING = frozenset({"", "false", "0", "[]", "{}"})


def decoded(cell: str, name: str, verb: str = "are") -> Any:
    """Return the JSON of a cell; raise Unreadable."""
    written = cell.encode("utf-8", "replace")
    if is_too_deep(written):
        raise Unreadable(f"{name} {verb} nested too deeply")
    try:
        return msgspec.json.decode(written)
    except msgspec.DecodeError:
        raise Unreadable(f"{name} {verb} no JSON") from None


def _tag(value: Any) -> str:
    if isinstance(value, dict):
        inner = value.get("tag")
        value = value.get("name") or (inner.get("name", "") if isinstance(inner, dict) else "")
    return str(value).strip()
