"""Moments as other services write them, in the way that RFC 3339 does."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# What is written as RFC 3339 (section 5.6) is judged as such, where every moment is looked at: the
# standard library's reader also takes offsets that it has not, and no leap seconds.
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.A)
_SECONDS = re.compile(r"\d{9,10}", re.A)
_MILLISECONDS = re.compile(r"\d{12,13}", re.A)
_OF_SCRIPTS = "%a %b %d %Y %H:%M:%S GMT%z"
"""As a Date of JavaScript is written, without the zone's name behind it (ECMA-262)."""


def rfc3339(text: str) -> str:
    """Return a moment as RFC 3339 has it, in UTC where no offset is given; others as they are.

    What no reader knows is refused later, where every moment is looked at. A date whose day and
    month could be exchanged is such a one.
    """
    if _WRITTEN.fullmatch(text):
        return text
    for read in (_unix, datetime.fromisoformat, parsedate_to_datetime, _of_scripts):
        moment = _tried(read, text)
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    return text


def _tried(read: Callable[[str], datetime], text: str) -> datetime | None:
    with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
        return read(text)
    return None


def _unix(text: str) -> datetime:
    if _MILLISECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    if _SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    raise ValueError


def _of_scripts(text: str) -> datetime:
    return datetime.strptime(text.partition(" (")[0], _OF_SCRIPTS)  # noqa: DTZ007  # it has %z
